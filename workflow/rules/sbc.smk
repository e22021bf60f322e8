# Refits to simulated data sets, for experiments that ask for it, and tests of their calibration.


rule refit:
    input:
        spec=LAYOUT.spec("refit", item="{calibration}"),
        data=LAYOUT.data(),
    output:
        table=LAYOUT.refits(),
    log:
        LAYOUT.log("refit", "{calibration}"),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
    params:
        spec=spec_digest(LAYOUT.spec("refit", item="{calibration}")),
        cache=LAYOUT.compiled(),
    message:
        "{wildcards.experiment}: refit {wildcards.calibration}"
    shell:
        "python -m svi_atlas refit {input.spec} --from data={input.data} cache={params.cache} "
        "--to table={output.table} --threads {threads} 2> {log}"


rule calibration:
    input:
        all_refits,
        spec=LAYOUT.spec("calibration"),
    output:
        csv=LAYOUT.calibration(),
    log:
        LAYOUT.log("calibration"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("calibration")),
        results=results_root,
    message:
        "{wildcards.experiment}: calibration"
    shell:
        "python -m svi_atlas calibration {input.spec} --from results={params.results} "
        "--to csv={output.csv} 2> {log}"
