# How often the verdict and other rules are wrong, for experiments whose problem knows the truth.


rule rates:
    input:
        spec=LAYOUT.spec("rates"),
        table=LAYOUT.table(),
        reference=LAYOUT.reference(),
    output:
        csv=LAYOUT.rates(),
        truth=LAYOUT.truth(),
    log:
        LAYOUT.log("rates"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("rates")),
        results=results_root,
    message:
        "{wildcards.experiment}: error rates of the verdict and of other rules"
    shell:
        "python -m svi_atlas rates {input.spec} --from results={params.results} "
        "--to csv={output.csv} truth={output.truth} 2> {log}"
