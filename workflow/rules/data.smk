rule data:
    input:
        spec=LAYOUT.spec("data"),
    output:
        dataset=LAYOUT.data(),
    params:
        spec=spec_text(LAYOUT.spec("data")),
    log:
        LAYOUT.log("data"),
    benchmark:
        LAYOUT.benchmark("data")
    message:
        "{wildcards.experiment}: data"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m svi_atlas data {input.spec} --to dataset={output.dataset} 2> {log}"
