# Each experiment beside its published and exact values.


rule compare:
    input:
        files_of("compare"),
        spec=LAYOUT.spec("compare"),
    output:
        report(
            LAYOUT.pattern("verification"),
            caption="../report/verification.rst",
            category="Tables",
            subcategory="{experiment}",
            labels={"table": "published and exact values"},
        ),
    log:
        LAYOUT.log("compare"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("compare"),
    message:
        "{wildcards.experiment}: comparison with published and exact values"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
