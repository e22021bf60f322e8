# NUTS beside the fits, at given numbers of gradient evaluations.


rule nuts:
    input:
        LAYOUT.pattern("data"),
        LAYOUT.pattern("reference"),
        spec=LAYOUT.spec("nuts"),
    output:
        LAYOUT.pattern("nuts"),
    log:
        LAYOUT.log("nuts"),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
    params:
        spec=spec_digest("nuts"),
    message:
        "{wildcards.experiment}: NUTS on {wildcards.model}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
