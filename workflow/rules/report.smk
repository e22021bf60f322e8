# Executed notebooks, a page from each, and the index of the report.


rule notebook:
    input:
        files_of("notebook"),
        spec=LAYOUT.spec("notebook"),
    output:
        LAYOUT.pattern("notebook"),
    log:
        LAYOUT.log("notebook"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(15),
    params:
        spec=spec_digest("notebook"),
    message:
        "{wildcards.experiment}: notebook {wildcards.notebook}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"


rule page:
    input:
        lambda wildcards: RUN.pages[wildcards.page][1],
        spec=LAYOUT.spec("page"),
    output:
        LAYOUT.pattern("page"),
    log:
        LAYOUT.log("page"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("page"),
    message:
        "report: page {wildcards.page}"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"


rule index:
    input:
        files_of("page", page="index"),
        spec=LAYOUT.spec("page").format(page="index"),
    output:
        LAYOUT.path("page", page="index"),
    log:
        LAYOUT.log("page").format(page="index"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(1000),
        runtime=times_attempt(10),
    params:
        spec=spec_digest("page", page="index"),
    message:
        "report: index"
    shell:
        "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
