"""Tiny runs of the shipped experiments: as they are, with one seed, and with fits that all failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_run
from tiny_run import VARIANTS, Specs

SHARED = ("data", "reference", "sbc_refit")
"""Stages whose results do not depend on the fits: variants take those of the first that made them."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Callable[[str, str], Specs]:
    """tiny(variant, experiment): the specs of the experiment, whose results are made when first asked for.

    A run in which every fit failed cannot be compared with published values or with the truth: it takes
    the comparisons of another variant.
    """
    stored = tiny_run.read_fits()
    fits = {"all failed": tiny_run.failed_fits(stored)}
    experiments = tiny_run.experiments_shown()
    specs: dict[str, Specs] = {}
    finished: dict[tuple[str, str], Specs] = {}

    def make(variant: str, experiment: str) -> Specs:
        if (variant, experiment) in finished:
            return finished[variant, experiment]
        if variant not in specs:
            folder = tmp_path_factory.mktemp("tiny")
            specs[variant] = tiny_run.plan(folder, experiments, VARIANTS[variant])
        own = tiny_run.of_experiment(specs[variant], experiment)
        if variant == "all failed":
            make("two seeds", experiment)
        for (_, name), others in finished.items():
            if name == experiment:
                shared = (*SHARED, "compare", "rates") if variant == "all failed" else SHARED
                _copy_results(others, own, shared)
        tiny_run.run_jobs(own, fits.get(variant, stored))
        finished[variant, experiment] = own
        return own

    return make


def _copy_results(made: Specs, needed: Specs, stages: tuple[str, ...]) -> None:
    for source, target in zip(made.values(), needed.values(), strict=True):
        if target["stage"] in stages:
            for name, path in target["outputs"].items():
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source["outputs"][name], path)
