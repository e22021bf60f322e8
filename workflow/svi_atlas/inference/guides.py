"""Guides by name: the problem's own functions, and NumPyro's autoguides with options.

An autoguide may be whitened (`svi_atlas.inference.whitened`), and may start elsewhere than NumPyro starts
it. A Laplace approximation that is not usable leaves the guide as NumPyro makes and starts it.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeGuard

import jax.numpy as jnp
from numpyro.infer import autoguide as numpyro_autoguides
from numpyro.infer import initialization
from numpyro.infer.autoguide import AutoGuide, AutoLaplaceApproximation, AutoMultivariateNormal
from numpyro.primitives import Messenger

from svi_atlas.inference.at_laplace import start_at_laplace
from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.signature import takes_data
from svi_atlas.inference.whitened import WHITENED, WhitenedNormal
from svi_atlas.records import Problem

UNIFORM = "uniform"
"""NumPyro's own start: uniform(-2, 2) in the unconstrained coordinates."""


def guide_factory(
    problem: Problem,
    model: str,
    guide: str,
    autoguide: Mapping[str, Any] | None = None,
    laplace: Laplace | None = None,
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
        The entry of the experiment's `autoguides` (`class`, `options`, `whitened`, `start`), if `guide`
        is one.
    laplace
        The Laplace approximation of the model, where the entry asks for it.
    """
    if guide in problem.guides:
        return own_guide(problem.guides[guide], problem.models[model])
    entry = autoguide or {"class": guide}
    name, function = entry["class"], problem.models[model]
    options = {**entry.get("options", {}), **_init_options(entry.get("start", UNIFORM))}
    autoguide_class: Callable[..., Callable] = getattr(numpyro_autoguides, name)
    if is_whitened(entry, laplace):
        autoguide_class, options["laplace"] = WHITENED[name], laplace
    elif entry.get("start") == "laplace" and laplace is not None and laplace.usable:
        autoguide_class, options["laplace"] = start_at_laplace(name), laplace
    return partial(autoguide_class, function, **options)


def own_guide(guide: Callable, model: Callable) -> Callable[[], Callable]:
    """A function that makes a problem's own guide afresh.

    The guide may be a function of the data, an autoguide, an autoguide's class, or a function of the model
    that returns one.
    """
    if isinstance(guide, AutoGuide):
        return lambda: _anew(guide)
    if isinstance(guide, type) and issubclass(guide, AutoGuide):
        return partial(guide, model)
    if _parameters(guide) == ["model"]:
        return lambda: guide(model)
    of_data = takes_data(guide)
    return lambda: of_data


def _parameters(function: Callable) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a callable that does not tell
        return []


def _anew(guide: AutoGuide) -> AutoGuide:
    """A copy of an autoguide, as it was before its first call."""
    copied = copy.deepcopy(guide)
    for part in (copied, *getattr(copied, "_guides", ())):
        part.prototype_trace = None
        owner, name = part, "model"
        while isinstance(inner := getattr(owner, name), Messenger):
            owner, name = inner, "fn"
        setattr(owner, name, takes_data(inner))
    return copied


def is_whitened(autoguide: Mapping[str, Any] | None, laplace: Laplace | None) -> bool:
    """Whether the guide is whitened: it is to be, and the Laplace approximation is usable."""
    asked = bool(autoguide and autoguide.get("whitened", False))
    return asked and laplace is not None and laplace.usable


def describe_start(autoguide: Mapping[str, Any] | None, laplace: Laplace | None) -> str:
    """How a guide starts, in words, and why not as it was asked to.

    The arguments are those of `guide_factory`.
    """
    entry = autoguide or {}
    start = entry.get("start", UNIFORM)
    if isinstance(start, Mapping) and "experiment" in start:
        return f"fits of {start['experiment']}"
    if isinstance(start, Mapping):
        return f"given values of {', '.join(start['value'])}"
    if not (entry.get("whitened", False) or start == "laplace"):
        return str(start)
    if laplace is not None and laplace.usable:
        return "laplace"
    why = laplace.why if laplace is not None else "there is none"
    plain = UNIFORM if start == "laplace" else start
    return f"{plain}, since the Laplace approximation is not usable: {why}"


def _init_options(start: str | Mapping[str, Any]) -> dict[str, Any]:
    """NumPyro's start strategy as an option of an autoguide."""
    if isinstance(start, Mapping) and "value" in start:
        values = {site: jnp.asarray(value, float) for site, value in start["value"].items()}
        return {"init_loc_fn": initialization.init_to_value(values=values)}
    if start in ("median", "mean", "feasible"):
        return {"init_loc_fn": getattr(initialization, f"init_to_{start}")}
    return {}


def is_point(guide: Callable) -> TypeGuard[AutoLaplaceApproximation]:
    """Whether a point is fitted, and a distribution laid around it afterwards."""
    return isinstance(guide, AutoLaplaceApproximation)


def posterior_guide(guide: Callable, params: dict[str, Any]) -> tuple[Callable, dict[str, Any]]:
    """The guide and the parameters (by name) in the model's coordinates.

    The same as fitted, except for

    - the Laplace approximation: it is fitted as a point (the MAP) and is then the multivariate Normal
      with the curvature there;
    - a whitened Normal: it is a multivariate Normal of the model's unconstrained coordinates.

    A whitened flow stays as it is: its parameters belong to its own coordinates.
    """
    if not (is_point(guide) or isinstance(guide, WhitenedNormal)):
        return guide, params
    normal = guide.get_posterior(params)
    full = AutoMultivariateNormal(guide.model, prefix=guide.prefix)
    return full, {
        f"{guide.prefix}_loc": normal.loc,
        f"{guide.prefix}_scale_tril": normal.scale_tril,
    }
