"""What a problem offers, as plain values that planning can read without JAX."""

from __future__ import annotations

from typing import Any

from svi_atlas import problems
from svi_atlas.sbc.simulate import why_not_simulated


def describe(name: str) -> dict[str, Any]:
    """Models, guides and data schema of a problem, and the models no data can be drawn from.

    Raises
    ------
    InputError
        If the problem's file cannot be used.
    """
    problem = problems.load(name)
    reasons = {model: why_not_simulated(function) for model, function in problem.models.items()}
    return {
        "models": list(problem.models),
        "guides": list(problem.guides),
        "data_schema": problem.data_schema,
        "has_optimum": problem.optimum is not None,
        "not_simulated": {model: reason for model, reason in reasons.items() if reason},
    }
