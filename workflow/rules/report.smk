# Executed notebooks, and a page from each.


rule notebook:
    input:
        all_figures,
        spec=LAYOUT.spec("notebook"),
        table=LAYOUT.table(),
        reference=LAYOUT.reference(),
        verification=LAYOUT.verification(),
    output:
        notebook=LAYOUT.notebook(),
    conda:
        "../../envs/cpu.yaml"
    log:
        LAYOUT.log("notebook"),
    benchmark:
        LAYOUT.benchmark("notebook")
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        spec=spec_text(LAYOUT.spec("notebook")),
        results=LAYOUT.root,
    message:
        "{wildcards.experiment}: notebook"
    shell:
        "python -m svi_atlas notebook {input.spec} "
        "--from results={params.results} "
        "--to notebook={output.notebook} 2> {log}"


rule page:
    input:
        spec=LAYOUT.spec("page"),
        notebook=LAYOUT.notebook(),
    output:
        page=LAYOUT.page(),
    conda:
        "../../envs/cpu.yaml"
    log:
        LAYOUT.log("page"),
    benchmark:
        LAYOUT.benchmark("page")
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec_text(LAYOUT.spec("page")),
    message:
        "{wildcards.experiment}: report page"
    shell:
        "python -m svi_atlas page {input.spec} --from notebook={input.notebook} "
        "--to page={output.page} 2> {log}"


rule index_notebook:
    input:
        expand(LAYOUT.table(), experiment=DEFAULT),
        expand(LAYOUT.verification(), experiment=DEFAULT),
        spec=LAYOUT.index_spec("notebook"),
    output:
        notebook=LAYOUT.index_notebook(),
    conda:
        "../../envs/cpu.yaml"
    log:
        f"{LAYOUT.root}/report/logs/notebook.log",
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        spec=SPECS[LAYOUT.index_spec("notebook")],
        results=LAYOUT.root,
    message:
        "report: index notebook"
    shell:
        "python -m svi_atlas notebook {input.spec} "
        "--from results={params.results} "
        "--to notebook={output.notebook} 2> {log}"


rule index_page:
    input:
        spec=LAYOUT.index_spec("page"),
        notebook=LAYOUT.index_notebook(),
    output:
        page=LAYOUT.index(),
    conda:
        "../../envs/cpu.yaml"
    log:
        f"{LAYOUT.root}/report/logs/page.log",
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=SPECS[LAYOUT.index_spec("page")],
    message:
        "report: index page"
    shell:
        "python -m svi_atlas page {input.spec} --from notebook={input.notebook} "
        "--to page={output.page} 2> {log}"
