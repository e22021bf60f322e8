# One job fits one cell: all its settings and seeds in one compiled program.


rule fit:
    input:
        files_of("fit"),
        spec=LAYOUT.spec("fit"),
    output:
        LAYOUT.pattern("fit"),
    log:
        LAYOUT.log("fit"),
    wildcard_constraints:
        label="(?!search[.])[^/]+",
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
        gpu=lambda wildcards: int(EXPERIMENTS[wildcards.experiment].gpu),
    params:
        spec=spec_digest("fit"),
    message:
        "{wildcards.experiment}: fit {wildcards.guide} to {wildcards.model}, {wildcards.label}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
