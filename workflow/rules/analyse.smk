# Tables behind figures and pages: one rule per module of analyses, whose tables one job makes.
for module, names in analysis_modules().items():

    rule:
        name:
            f"analyse_{module.replace('.', '_')}"
        input:
            files_of("analyse", module=module),
            spec=LAYOUT.spec("analyse").replace("{module}", module),
        output:
            [LAYOUT.pattern("analysis").replace("{analysis}", name) for name in names],
        log:
            LAYOUT.log("analyse").replace("{module}", module),
        conda:
            "../../envs/cpu.yaml"
        resources:
            mem_mb=times_attempt(2000),
            runtime=times_attempt(10),
        params:
            spec=spec_digest("analyse", module=module),
        message:
            f"{{wildcards.experiment}}: analysis {module}"
        shell:
            "python -m svi_atlas run {input.spec} --threads {threads} 2> {log}"
