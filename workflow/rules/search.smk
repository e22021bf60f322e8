# One job searches the cheapest setting of a family of guides, unless a cheaper family is adequate.


rule search:
    input:
        files_of("search"),
        spec=LAYOUT.spec("search"),
    output:
        LAYOUT.pattern("fit").replace("{label}", "search"),
    log:
        LAYOUT.log("search"),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
        gpu=lambda wildcards: int(EXPERIMENTS[wildcards.experiment].gpu),
    params:
        spec=spec_digest("search"),
    message:
        "{wildcards.experiment}: search for a setting of {wildcards.guide} on {wildcards.model}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
