# Simulated or assembled data of an experiment.


rule data:
    input:
        spec=LAYOUT.spec("data"),
    output:
        LAYOUT.pattern("data"),
    log:
        LAYOUT.log("data"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("data"),
    message:
        "{wildcards.experiment}: data"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
