# SVI Atlas: table of contents of the workflow. Each file in workflow/rules/ holds one stage.
import gc
import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from svi_atlas.jobs import forkserver
from svi_atlas.planning.job_spec import digest, input_files
from svi_atlas.planning.plugins import analysis_modules, figures
from svi_atlas.planning.start import check_config_file, start

min_version("9.20")

# The graph of many jobs is many millions of objects, none of them garbage: looking less often saves a quarter.
gc.set_threshold(200_000, 20, 100)

PROJECT = Path(str(workflow.current_basedir))
check_config_file(PROJECT)


configfile: PROJECT / "config/config.yaml"


report: "workflow/report/workflow.rst"


RUN = start(config, PROJECT, write=workflow.is_main_process)
LAYOUT, EXPERIMENTS, DEFAULT = RUN.layout, RUN.experiments, RUN.default_experiments
HEAVY = [name for name in EXPERIMENTS if name not in DEFAULT]

# NumPyro orders sites by sets of names: with a fixed hash seed a job always compiles the same program.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
shell.prefix("set -euo pipefail; export PYTHONHASHSEED=0; ")


wildcard_constraints:
    experiment="[a-z][a-z0-9_]*",
    model="[^/]+",
    guide="[^/]+",
    label="[^/]+",
    figure="[a-z0-9_.]+",
    notebook="[a-z0-9_]+",
    entry="[a-z][a-z0-9_]*",
    page="(?!index[.])[a-z0-9_-]+",


include: "workflow/rules/common.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/summary.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/laplace.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/diagnose.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/sbc.smk"
include: "workflow/rules/nuts.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/targets.smk"


rule all:
    default_target: True
    input:
        LAYOUT.path("page", page="index"),
        RUN.pages_of(DEFAULT),
        expand(LAYOUT.pattern("verification"), experiment=DEFAULT),


onstart:
    if workflow.is_main_process:
        if workflow.local_exec:
            forkserver.start(ENVIRONMENT)
        else:
            cancel_leftovers()


onsuccess:
    print_summary()


onerror:
    explain_limits(log)
    print_summary()
