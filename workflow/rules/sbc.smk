# Simulation-based calibration: refits to simulated data sets, then tests of their ranks.


rule sbc_refit:
    input:
        LAYOUT.pattern("data"),
        spec=LAYOUT.spec("sbc_refit"),
    output:
        LAYOUT.pattern("sbc_ranks"),
    log:
        LAYOUT.log("sbc_refit"),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
    params:
        spec=spec_digest("sbc_refit"),
    message:
        "{wildcards.experiment}: refit {wildcards.entry} to simulated data"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"


rule sbc:
    input:
        files_of("sbc"),
        spec=LAYOUT.spec("sbc"),
    output:
        LAYOUT.pattern("sbc"),
    log:
        LAYOUT.log("sbc"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("sbc"),
    message:
        "{wildcards.experiment}: simulation-based calibration"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
