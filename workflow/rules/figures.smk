rule figure:
    input:
        inputs_of_figure,
        spec=LAYOUT.spec("figure", item="{figure}"),
    output:
        svg=LAYOUT.figure("svg"),
        png=LAYOUT.figure("png"),
    log:
        LAYOUT.log("figure", "{figure}"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.spec("figure", item="{figure}")),
        results=results_root,
    message:
        "{wildcards.experiment}: figure {wildcards.figure}"
    shell:
        "python -m svi_atlas figure {input.spec} --from results={params.results} "
        "--to svg={output.svg} png={output.png} 2> {log}"
