"""Guides by name: the problem's own functions, and NumPyro's autoguides with options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import jax
from numpyro.infer import autoguide

from svi_atlas.records import Problem


def guide_factory(
    problem: Problem, model: str, guide: str, label: Mapping[str, Any] | None = None
) -> Callable[[], Callable]:
    """A function that makes the guide afresh.

    Autoguides remember the trace they were set up in, so that each traced program needs its own.
    `label` is the entry of the experiment's `autoguides`, if `guide` is one.
    """
    if guide in problem.guides:
        return lambda: problem.guides[guide]
    name = label["class"] if label else guide
    options = label["options"] if label else {}
    return lambda: getattr(autoguide, name)(problem.models[model], **options)


def is_point(guide: Callable) -> TypeGuard[autoguide.AutoLaplaceApproximation]:
    """Whether a point is fitted, and a distribution laid around it afterwards."""
    return isinstance(guide, autoguide.AutoLaplaceApproximation)


def posterior_guide(guide: Callable, params: dict[str, jax.Array]) -> tuple[Callable, dict]:
    """The guide and parameters to draw from after fitting.

    The same as fitted, except for the Laplace approximation: it is fitted as a point (the MAP) and
    is then the multivariate Normal with the curvature there.
    """
    if not is_point(guide):
        return guide, params
    normal = guide.get_posterior(params)
    full = autoguide.AutoMultivariateNormal(guide.model, prefix=guide.prefix)
    return full, {
        f"{guide.prefix}_loc": normal.loc,
        f"{guide.prefix}_scale_tril": normal.scale_tril,
    }
