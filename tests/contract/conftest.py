"""Tiny runs of the shipped experiments: as they are, with one seed, and with fits that all failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_run
from tiny_run import VARIANTS, Specs


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Callable[[str, str], Specs]:
    """tiny(variant, experiment): the specs of the experiment, whose results are made when first asked for."""
    stored = tiny_run.read_fits()
    fits = {"all failed": tiny_run.failed_fits(stored)}
    experiments = tiny_run.experiments_shown()
    specs: dict[str, Specs] = {}
    references: dict[str, Path] = {}

    def make(variant: str, experiment: str) -> Specs:
        if variant not in specs:
            folder = tmp_path_factory.mktemp("tiny")
            specs[variant] = tiny_run.plan(folder, experiments, VARIANTS[variant])
        own = {
            path: spec
            for path, spec in specs[variant].items()
            if spec.get("experiment") == experiment
        }
        (reference,) = [
            Path(spec["outputs"]["dataset"])
            for spec in own.values()
            if spec["stage"] == "reference"
        ]
        if experiment in references and not reference.exists():
            reference.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(references[experiment], reference)
        tiny_run.run_jobs(own, experiment, fits.get(variant, stored))
        references.setdefault(experiment, reference)
        return own

    return make
