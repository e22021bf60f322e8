# What a user asks for by name; these rules run where Snakemake runs, never on a cluster.


localrules:
    all,
    verify,
    heavy,
    clean_stale,


rule verify:
    input:
        files=expand(LAYOUT.pattern("verification"), experiment=DEFAULT),
    log:
        f"{LAYOUT.root}/report/logs/verify.log",
    conda:
        "../../envs/cpu.yaml"
    message:
        "every published and exact value against this run"
    shell:
        "python -m svi_atlas check-verification {input.files} | tee {log}"


rule heavy:
    input:
        RUN.pages_of(HEAVY),
        files=expand(LAYOUT.pattern("verification"), experiment=HEAVY),
    log:
        f"{LAYOUT.root}/report/logs/heavy.log",
    conda:
        "../../envs/cpu.yaml"
    message:
        "every published and exact value of the heavy experiments"
    shell:
        "python -m svi_atlas check-verification {input.files} | tee {log}"


rule clean_stale:
    log:
        f"{LAYOUT.root}/report/logs/clean_stale.log",
    message:
        "removing results that the configuration no longer has"
    run:
        remove_stale(log[0])
