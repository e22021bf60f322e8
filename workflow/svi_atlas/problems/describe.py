"""What a problem offers, as plain values that planning can read without JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.schedules import schedule_factors
from svi_atlas.records import SCHEDULE_NAMES
from svi_atlas.sbc.simulate import site_names, why_not_simulated


def describe(name: str) -> dict[str, Any]:
    """Models, guides, schedules and data schema of a problem, and what is known of its models.

    That is the sites of models that can be run without data, and why no data can be drawn from a model.

    Raises
    ------
    InputError
        If the problem's file cannot be used, or a schedule of it.
    """
    problem = problems.load(name)
    for schedule, function in problem.schedules.items():
        _check_schedule(name, schedule, function)
    sites = {model: site_names(function) for model, function in problem.models.items()}
    reasons = {model: why_not_simulated(function) for model, function in problem.models.items()}
    return {
        "models": list(problem.models),
        "guides": list(problem.guides),
        "data_schema": problem.data_schema,
        "not_simulated": {model: reason for model, reason in reasons.items() if reason},
        "schedules": list(problem.schedules),
        "simulates": problem.simulate is not None,
        "sites": {model: names for model, names in sites.items() if names},
    }


def _check_schedule(problem: str, name: str, schedule: Callable[[Any], Any]) -> None:
    """Raise InputError unless a schedule gives finite numbers under a name of its own."""
    where = f"{problem}: PROBLEM.schedules[{name!r}]"
    if name in SCHEDULE_NAMES:
        raise InputError(f"{where}: every problem has a schedule {name!r}; give it another name")
    try:
        factors = schedule_factors(schedule, 2)
    except Exception as error:
        words = str(error).strip().partition("\n")[0]
        raise InputError(
            f"{where}: calling it raised {type(error).__name__}: {words}; it is a function of the "
            "share of the steps that are done, written with jax.numpy"
        ) from error
    if factors.shape != (2,) or not np.isfinite(factors).all():
        raise InputError(
            f"{where}: at 0 and 0.5 of the steps it gives {factors.tolist()}; each must be a finite "
            "number"
        )
