# How often the verdict and other rules are wrong, for problems that know the truth.


rule rates:
    input:
        LAYOUT.pattern("table"),
        LAYOUT.pattern("reference"),
        spec=LAYOUT.spec("rates"),
    output:
        LAYOUT.pattern("rates"),
        LAYOUT.pattern("truth"),
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
