# The posterior that fits are compared with.


rule reference:
    input:
        LAYOUT.pattern("data"),
        spec=LAYOUT.spec("reference"),
    output:
        LAYOUT.pattern("reference"),
    log:
        LAYOUT.log("reference"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(60),
    params:
        spec=spec_digest("reference"),
    message:
        "{wildcards.experiment}: reference posterior"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
