# One job fits one cell: all its step sizes and seeds in one compiled program.


rule fit:
    input:
        spec=LAYOUT.cell_spec("fit"),
        data=LAYOUT.data(),
    output:
        dataset=LAYOUT.fit(),
    log:
        LAYOUT.log("fit", CELL),
    conda:
        "../../envs/cpu.yaml"
    threads: 1
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(120),
        gpu=lambda wildcards: int(EXPERIMENTS[wildcards.experiment].gpu),
    params:
        spec=spec_digest(LAYOUT.cell_spec("fit")),
        checkpoint=LAYOUT.checkpoint(),
        cache=LAYOUT.compiled(),
    message:
        "{wildcards.experiment}: fit {wildcards.guide} to {wildcards.model}, {wildcards.label}"
    shell:
        "python -m svi_atlas fit {input.spec} "
        "--from data={input.data} checkpoint={params.checkpoint} cache={params.cache} "
        "--to dataset={output.dataset} --threads {threads} 2> {log}"
