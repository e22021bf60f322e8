rule figure:
    input:
        all_fits,
        spec=LAYOUT.spec("figure", item="{figure}"),
        table=LAYOUT.table(),
        reference=LAYOUT.reference(),
        data=LAYOUT.data(),
    output:
        svg=LAYOUT.figure("svg"),
        png=LAYOUT.figure("png"),
    conda:
        "../../envs/cpu.yaml"
    log:
        LAYOUT.log("figure", "{figure}"),
    benchmark:
        LAYOUT.benchmark("figure", "{figure}")
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        spec=spec_text(LAYOUT.spec("figure", item="{figure}")),
        results=LAYOUT.root,
    message:
        "{wildcards.experiment}: figure {wildcards.figure}"
    shell:
        "python -m svi_atlas figure {input.spec} --from results={params.results} "
        "--to svg={output.svg} png={output.png} 2> {log}"
