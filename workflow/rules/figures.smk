# Figures, each from the tables that it names.


rule figure:
    input:
        files_of("figure"),
        spec=LAYOUT.spec("figure"),
    output:
        report(
            LAYOUT.pattern("figure_svg"),
            caption="../report/figure.rst",
            category="Figures",
            subcategory="{experiment}",
            labels={"figure": "{figure}"},
        ),
        LAYOUT.pattern("figure_png"),
    log:
        LAYOUT.log("figure"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("figure"),
        caption=caption_of_figure,
    message:
        "{wildcards.experiment}: figure {wildcards.figure}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
