# Laplace approximations of the posterior, from which fits start.


rule laplace:
    input:
        LAYOUT.pattern("data"),
        spec=LAYOUT.spec("laplace"),
    output:
        LAYOUT.pattern("laplace"),
    log:
        LAYOUT.log("laplace"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(30),
    params:
        spec=spec_digest("laplace"),
    message:
        "{wildcards.experiment}: Laplace approximation of the posterior"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
