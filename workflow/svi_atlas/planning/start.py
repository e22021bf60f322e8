"""How the Snakefile starts: the configuration is checked, and the specs are brought up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.errors import InputError
from svi_atlas.planning.run import CONFIG, Run, load

CANNOT_START = "\nThe run cannot start:\n{}\n"


def check_config_file(project: Path) -> None:
    """Exit with a message if the configuration file cannot be parsed, before Snakemake tries to."""
    try:
        read_yaml(project / CONFIG)
    except InputError as error:
        sys.exit(CANNOT_START.format(error))


def start(config: Any, project: Path, write: bool) -> Run:
    """The checked run; exits with a message if the configuration cannot be used.

    Parameters
    ----------
    config
        The merged configuration that Snakemake hands over.
    project
        The folder of the Snakefile.
    write
        Whether to write the specs: the main process does, a job on a cluster finds them there.
    """
    try:
        run = load(config, project)
        if write:
            run.write_specs()
    except InputError as error:
        sys.exit(CANNOT_START.format(error))
    return run
