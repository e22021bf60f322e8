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
    params:
        spec=spec_text(LAYOUT.spec("notebook")),
        results=LAYOUT.root,
    log:
        LAYOUT.log("notebook"),
    benchmark:
        LAYOUT.benchmark("notebook")
    message:
        "{wildcards.experiment}: notebook"
    resources:
        mem_mb=2000,
        runtime=15,
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
    params:
        spec=spec_text(LAYOUT.spec("page")),
    log:
        LAYOUT.log("page"),
    benchmark:
        LAYOUT.benchmark("page")
    message:
        "{wildcards.experiment}: report page"
    resources:
        mem_mb=1000,
        runtime=10,
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
    params:
        spec=SPECS[LAYOUT.index_spec("notebook")],
        results=LAYOUT.root,
    log:
        f"{LAYOUT.root}/report/logs/notebook.log",
    message:
        "report: index notebook"
    resources:
        mem_mb=2000,
        runtime=15,
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
    params:
        spec=SPECS[LAYOUT.index_spec("page")],
    log:
        f"{LAYOUT.root}/report/logs/page.log",
    message:
        "report: index page"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m svi_atlas page {input.spec} --from notebook={input.notebook} "
        "--to page={output.page} 2> {log}"
