# Executed notebooks, and a page from each.


rule notebook:
    input:
        all_figures,
        study_of,
        calibration_of,
        spec=LAYOUT.spec("notebook", item="{notebook}"),
        table=LAYOUT.table(),
        reference=LAYOUT.reference(),
        verification=LAYOUT.verification(),
    output:
        notebook=LAYOUT.notebook(),
    log:
        LAYOUT.log("notebook", "{notebook}"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(15),
    params:
        spec=spec_digest(LAYOUT.spec("notebook", item="{notebook}")),
        results=results_root,
    message:
        "{wildcards.experiment}: notebook {wildcards.notebook}"
    shell:
        "python -m svi_atlas notebook {input.spec} --from results={params.results} "
        "--to notebook={output.notebook} 2> {log}"


rule index_notebook:
    input:
        lead_figures,
        expand(LAYOUT.table(), experiment=DEFAULT),
        expand(LAYOUT.verification(), experiment=DEFAULT),
        spec=LAYOUT.index_spec(),
    output:
        notebook=LAYOUT.index_notebook(),
    log:
        f"{LAYOUT.root}/report/logs/index.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(15),
    params:
        spec=spec_digest(LAYOUT.index_spec()),
        results=results_root,
    message:
        "report: index notebook"
    shell:
        "python -m svi_atlas notebook {input.spec} --from results={params.results} "
        "--to notebook={output.notebook} 2> {log}"


rule page:
    input:
        spec=LAYOUT.page_spec(),
        notebook=lambda wildcards: RUN.pages[wildcards.page][1],
    output:
        page=LAYOUT.page(),
    log:
        f"{LAYOUT.root}/report/logs/{{page}}.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest(LAYOUT.page_spec()),
    message:
        "report: page {wildcards.page}"
    shell:
        "python -m svi_atlas page {input.spec} --from notebook={input.notebook} "
        "--to page={output.page} 2> {log}"
