rule data:
    input:
        spec=LAYOUT.spec("data"),
    output:
        dataset=LAYOUT.data(),
    log:
        LAYOUT.log("data"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("data")),
    message:
        "{wildcards.experiment}: data"
    shell:
        "python -m svi_atlas data {input.spec} --to dataset={output.dataset} 2> {log}"
