# Comparison with published and exact values; `snakemake verify` fails if one is out.


rule compare:
    input:
        study_of,
        spec=LAYOUT.spec("verify"),
        table=LAYOUT.table(),
    output:
        csv=LAYOUT.verification(),
    log:
        LAYOUT.log("verify"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("verify")),
        results=results_root,
    message:
        "{wildcards.experiment}: comparison with published and exact values"
    shell:
        "python -m svi_atlas verify {input.spec} --from results={params.results} "
        "--to csv={output.csv} 2> {log}"


rule verify:
    input:
        expand(LAYOUT.verification(), experiment=DEFAULT),
    log:
        f"{LAYOUT.root}/report/logs/verify.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        results=results_root,
        experiments=DEFAULT,
    message:
        "every published and exact value against this run"
    shell:
        "python -m svi_atlas check-verification {params.results} {params.experiments} "
        "| tee {log}"


rule heavy:
    input:
        RUN.pages_of(HEAVY),
        expand(LAYOUT.verification(), experiment=HEAVY),
    log:
        f"{LAYOUT.root}/report/logs/heavy.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        results=results_root,
        experiments=HEAVY,
    message:
        "every published and exact value of the heavy experiments"
    shell:
        "python -m svi_atlas check-verification {params.results} {params.experiments} "
        "| tee {log}"


rule clean_stale:
    log:
        f"{LAYOUT.root}/report/logs/clean_stale.log",
    message:
        "removing results of cells and figures that are no longer configured"
    run:
        remove_stale(log[0])
