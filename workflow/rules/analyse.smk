# Tables behind figures and pages, one job per table.


rule analyse:
    input:
        files_of("analyse"),
        spec=LAYOUT.spec("analyse"),
    output:
        LAYOUT.pattern("analysis"),
    log:
        LAYOUT.log("analyse"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("analyse"),
    message:
        "{wildcards.experiment}: analysis {wildcards.analysis}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
