"""Guides by name: the problem's own functions, and NumPyro's autoguides with options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from numpyro.infer import autoguide as numpyro_autoguides
from numpyro.infer.autoguide import AutoLaplaceApproximation, AutoMultivariateNormal

from svi_atlas.guide_traits import guide_traits
from svi_atlas.records import Problem


def guide_factory(
    problem: Problem, model: str, guide: str, autoguide: Mapping[str, Any] | None = None
) -> Callable[[], Callable]:
    """A function that makes the guide afresh.

    Autoguides remember the trace they were set up in, so that each traced program needs its own.

    Parameters
    ----------
    problem
        The problem with its models and its own guides.
    model, guide
        Names of the model and of the guide.
    autoguide
        The entry of the experiment's `autoguides` (`class`, `options`), if `guide` is one.
    """
    if guide in problem.guides:
        return lambda: problem.guides[guide]
    name = autoguide["class"] if autoguide else guide
    options = autoguide["options"] if autoguide else {}
    return lambda: getattr(numpyro_autoguides, name)(problem.models[model], **options)


def is_point(guide: Callable) -> TypeGuard[AutoLaplaceApproximation]:
    """Whether a point is fitted, and a distribution laid around it afterwards."""
    return guide_traits(type(guide).__name__).point


def posterior_guide(guide: Callable, params: dict[str, Any]) -> tuple[Callable, dict[str, Any]]:
    """The guide and the parameters (by name) to draw from after fitting.

    The same as fitted, except for the Laplace approximation: it is fitted as a point (the MAP) and
    is then the multivariate Normal with the curvature there.
    """
    if not is_point(guide):
        return guide, params
    normal = guide.get_posterior(params)
    full = AutoMultivariateNormal(guide.model, prefix=guide.prefix)
    return full, {
        f"{guide.prefix}_loc": normal.loc,
        f"{guide.prefix}_scale_tril": normal.scale_tril,
    }
