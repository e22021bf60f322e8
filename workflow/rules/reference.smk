rule reference:
    input:
        spec=LAYOUT.spec("reference"),
        data=LAYOUT.data(),
    output:
        dataset=LAYOUT.reference(),
    log:
        LAYOUT.log("reference"),
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=times_attempt(2000),
        runtime=times_attempt(60),
    params:
        spec=spec_digest(LAYOUT.spec("reference")),
    message:
        "{wildcards.experiment}: reference posterior"
    shell:
        "python -m svi_atlas reference {input.spec} --from data={input.data} "
        "--to dataset={output.dataset} 2> {log}"
