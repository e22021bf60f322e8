# SVI Atlas: table of contents of the workflow. One stage a file in workflow/rules/.
import gc
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.20")

# The graph of many jobs is many million objects, none of them garbage: looking less often saves a quarter.
gc.set_threshold(200_000, 20, 100)

PROJECT = Path(workflow.basedir)
sys.path.insert(0, str(PROJECT / "workflow"))

from svi_atlas.planning import run as plan
from svi_atlas.jobs import forkserver as warm
from svi_atlas.errors import InputError
from svi_atlas.results.paths import CELL
from svi_atlas.configuration.schema import read_yaml
from svi_atlas.planning.code_digest import digest

CANNOT_START = "\nThe run cannot start:\n{}\n"

try:
    read_yaml(PROJECT / "config/config.yaml")
except InputError as error:
    sys.exit(CANNOT_START.format(error))


configfile: PROJECT / "config/config.yaml"


try:
    RUN = plan.load(config, PROJECT)
    if workflow.is_main_process:
        RUN.write_specs()
except InputError as error:
    sys.exit(CANNOT_START.format(error))

LAYOUT = RUN.layout
EXPERIMENTS = RUN.experiments
DEFAULT = RUN.default_experiments
HEAVY = [name for name in EXPERIMENTS if name not in DEFAULT]

# NumPyro orders sites by sets of names: with a fixed hash seed a job always compiles the same program.
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(PROJECT / "workflow")}
shell.prefix(
    "set -euo pipefail; export "
    + " ".join(f"{name}={shlex.quote(value)}" for name, value in ENVIRONMENT.items())
    + "; "
)


wildcard_constraints:
    experiment="[a-z][a-z0-9_]*",
    model="[^/]+",
    guide="[^/]+",
    label="[^/]+",
    figure="[a-z0-9_.]+",
    notebook="[a-z0-9_]+",
    calibration="[a-z][a-z0-9_]*",
    page="[a-z0-9_-]+",


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/reference.smk"
include: "workflow/rules/fit.smk"
include: "workflow/rules/diagnose.smk"
include: "workflow/rules/study.smk"
include: "workflow/rules/calibration.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/verify.smk"


rule all:
    default_target: True
    input:
        LAYOUT.page("index"),
        RUN.pages_of(DEFAULT),
        expand(LAYOUT.verification(), experiment=DEFAULT),


onstart:
    if workflow.is_main_process:
        if workflow.local_exec:
            warm.start(ENVIRONMENT)
        else:
            cancel_leftovers()


onsuccess:
    print_summary()


onerror:
    explain_limits(log)
    print_summary()
