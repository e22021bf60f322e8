# How often the verdict and other rules are wrong, where the truth is known.


rule truth:
    input:
        files_of("truth"),
        spec=LAYOUT.spec("truth"),
    output:
        LAYOUT.pattern("truth"),
    log:
        LAYOUT.log("truth"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(4000),
        runtime=times_attempt(60),
    params:
        spec=spec_digest("truth"),
    message:
        "{wildcards.experiment}: true errors of {wildcards.guide} on {wildcards.model}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"


rule rates:
    input:
        files_of("rates"),
        spec=LAYOUT.spec("rates"),
    output:
        LAYOUT.pattern("rates"),
        LAYOUT.pattern("known"),
        LAYOUT.pattern("pooled"),
    log:
        LAYOUT.log("rates"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("rates"),
    message:
        "{wildcards.experiment}: error rates of the verdict and of other rules"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
