# Statistics of each fit, then one table an experiment with the verdicts.


rule diagnose:
    input:
        spec=LAYOUT.cell_spec("diagnose"),
        fits=LAYOUT.fit(),
        reference=LAYOUT.reference(),
    output:
        table=LAYOUT.diagnostics(),
    log:
        LAYOUT.log("diagnose", CELL),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(30),
    params:
        spec=spec_digest(LAYOUT.cell_spec("diagnose")),
    message:
        "{wildcards.experiment}: diagnose {wildcards.guide} on {wildcards.model}, {wildcards.label}"
    shell:
        "python -m svi_atlas diagnose {input.spec} "
        "--from fits={input.fits} reference={input.reference} --to table={output.table} 2> {log}"


rule table:
    input:
        all_diagnostics,
        spec=LAYOUT.spec("table"),
    output:
        parquet=LAYOUT.table(),
        csv=LAYOUT.table(suffix="csv"),
    log:
        LAYOUT.log("table"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("table")),
        results=results_root,
    message:
        "{wildcards.experiment}: table of verdicts"
    shell:
        "python -m svi_atlas table {input.spec} --from results={params.results} "
        "--to parquet={output.parquet} csv={output.csv} 2> {log}"
