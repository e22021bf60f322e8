# Statistics of each fit, then one table per experiment with the verdicts.


rule diagnose:
    input:
        LAYOUT.pattern("fit"),
        LAYOUT.pattern("reference"),
        spec=LAYOUT.spec("diagnose"),
    output:
        LAYOUT.pattern("diagnostics"),
    log:
        LAYOUT.log("diagnose"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(30),
    params:
        spec=spec_digest("diagnose"),
    message:
        "{wildcards.experiment}: diagnose {wildcards.guide} on {wildcards.model}, {wildcards.label}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"


rule table:
    input:
        files_of("table"),
        spec=LAYOUT.spec("table"),
    output:
        LAYOUT.pattern("table"),
        report(
            LAYOUT.pattern("table_csv"),
            caption="../report/table.rst",
            category="Tables",
            subcategory="{experiment}",
            labels={"table": "one row per fit"},
        ),
    log:
        LAYOUT.log("table"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("table"),
    message:
        "{wildcards.experiment}: table of verdicts"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
