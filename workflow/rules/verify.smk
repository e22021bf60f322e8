# Comparison with published and exact values; `snakemake verify` fails if one is out.


rule compare:
    input:
        spec=LAYOUT.spec("verify"),
        table=LAYOUT.table(),
    output:
        csv=LAYOUT.verification(),
    conda:
        "../../envs/cpu.yaml"
    log:
        LAYOUT.log("verify"),
    benchmark:
        LAYOUT.benchmark("verify")
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec_text(LAYOUT.spec("verify")),
        results=LAYOUT.root,
    message:
        "{wildcards.experiment}: comparison with published and exact values"
    shell:
        "python -m svi_atlas verify {input.spec} --from results={params.results} "
        "--to csv={output.csv} 2> {log}"


rule verify:
    input:
        expand(LAYOUT.verification(), experiment=DEFAULT),
    params:
        results=LAYOUT.root,
        experiments=DEFAULT,
    message:
        "every published and exact value against this run"
    shell:
        "python -m svi_atlas check-verification {params.results} {params.experiments}"


rule clean_stale:
    message:
        "removing results of cells and figures that are no longer configured"
    run:
        for path in RUN.stale_files():
            print("removing", path)
            Path(path).unlink()
