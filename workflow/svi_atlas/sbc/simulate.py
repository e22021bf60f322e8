"""Parameters from a model's prior and data sets from the model at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped, UInt32
from numpyro import distributions as dist
from numpyro import handlers
from numpyro.infer.initialization import init_to_uniform

from svi_atlas.errors import InputError
from svi_atlas.inference.data import Data, as_arrays

Simulated = dict[str, Shaped[np.ndarray, "simulation ..."]]
"""Arrays by name, one entry per simulation."""


def prior_predictive(
    model: Callable, data: Mapping[str, Any], keys: UInt32[Array, "simulation 2"]
) -> tuple[Simulated, Simulated]:
    """Draw from the prior, and data at each draw.

    model(data) is run with its observations set free, so that the data sets have the shape of `data`
    and share its other entries (covariates).

    Parameters
    ----------
    model
        Called as model(data).
    data
        Arrays by name.
    keys
        One random key per simulation.

    Returns
    -------
    The latent sites and the observed ones, by name, (simulation, *shape); the latter replace the entries
    of `data` of their name.

    Raises
    ------
    InputError
        If the model cannot be drawn from, naming the site.
    """
    arrays = as_arrays(Data.for_model(data, model))
    try:
        site_shapes, reasons = _sites(model, arrays)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise InputError(f"drawing from it raised {type(error).__name__}: {error}") from error
    observed = [name for name, (_, _, was_observed) in site_shapes.items() if was_observed]
    reasons += [_why_not_replaceable(name, site_shapes[name][0], arrays) for name in observed]
    reasons = [reason for reason in reasons if reason]
    if not observed and not reasons:
        reasons.append("it observes nothing, so that there are no data to simulate")
    if reasons:
        raise InputError("; ".join(reasons))
    draw = jax.jit(jax.vmap(partial(_draw, model), in_axes=(0, None)))
    drawn = draw(keys, arrays)
    shifted = {name: arrays[name] + 1 for name in observed}
    if not _equal(drawn, draw(keys, arrays.replaced(shifted))):
        raise InputError(
            f"its draws depend on the values of data {_quote(observed)}: use an observed entry as "
            "`obs=` only, and its shape"
        )
    parameters = {name: np.asarray(drawn[name]) for name in drawn if name not in observed}
    data_sets = {
        name: np.asarray(drawn[name].astype(jnp.result_type(drawn[name], arrays[name])))
        for name in observed
    }
    return parameters, data_sets


def why_not_simulated(model: Callable) -> str:
    """Why no data can be drawn from the model, as far as model(None) shows it, or ""."""
    try:
        return "; ".join(_sites(model, None)[1])
    except Exception:
        return ""  # a model may need its data: the job, which has them, decides


def site_names(model: Callable) -> list[str]:
    """Names of the sample sites of model(None), or none if the model needs its data."""
    try:
        return list(_sites(model, None)[0])
    except Exception:
        return []


def _trace(model: Callable, key: jax.Array, data, substitute_fn=None) -> dict[str, dict]:
    """Sample sites with the observations set free."""
    free = handlers.uncondition(handlers.seed(model, key))
    if substitute_fn is not None:
        free = handlers.substitute(free, substitute_fn=substitute_fn)
    sites = handlers.trace(free).get_trace(data)
    return {name: site for name, site in sites.items() if site["type"] == "sample"}


def _draw(model: Callable, key: jax.Array, data) -> dict[str, jax.Array]:
    """Values of the sites, but for latent ones that are auxiliary."""
    sites = _trace(model, key, data).items()
    return {name: site["value"] for name, site in sites if _is_drawn(site)}


def _sites(model: Callable, data) -> tuple[dict[str, tuple], list[str]]:
    """(shape, dtype, whether observed) of each site, and why others cannot be drawn. Computes nothing."""
    sites: dict[str, tuple] = {}
    reasons: list[str] = []

    def start_if_improper(site):
        if site["type"] == "sample" and _is_kind(site["fn"], dist.ImproperUniform):
            reasons.append(f"the prior of site {site['name']!r} is improper")
            return init_to_uniform(site)
        return None

    def trace():
        for name, site in _trace(model, jax.random.PRNGKey(0), data, start_if_improper).items():
            was_observed = bool(site["infer"].get("was_observed"))
            if _is_kind(site["fn"], dist.Unit):
                reasons.append(f"the factor {name!r} is no density that data could be drawn from")
            elif _is_drawn(site):
                if not was_observed and site["fn"].support.is_discrete and data is not None:
                    reasons.append(f"the latent site {name!r} is discrete")
                shape, dtype = jnp.shape(site["value"]), jnp.result_type(site["value"])
                sites[name] = (shape, dtype, was_observed)

    jax.eval_shape(trace)
    return sites, list(dict.fromkeys(reasons))


def _is_drawn(site: Mapping[str, Any]) -> bool:
    """Whether a site is observed, or latent and not auxiliary."""
    infer = site["infer"]
    return bool(infer.get("was_observed")) or not infer.get("is_auxiliary")


def _is_kind(distribution, kind: type) -> bool:
    """Whether a distribution is of a kind, by itself or in a plate or under a mask."""
    wrappers = (dist.ExpandedDistribution, dist.MaskedDistribution, dist.Independent)
    while not isinstance(distribution, kind) and isinstance(distribution, wrappers):
        distribution = distribution.base_dist
    return isinstance(distribution, kind)


def _why_not_replaceable(name: str, shape: tuple[int, ...], data: Mapping[str, jax.Array]) -> str:
    """Why an observed site cannot replace the data of its name, or ""."""
    if name not in data:
        return (
            f"the observed site {name!r} has no data of its name to replace (there are "
            f"{_quote(data) or 'none'}): give both one name"
        )
    if shape != data[name].shape:
        return (
            f"the observed site {name!r} has shape {shape}, data {name!r} shape {data[name].shape}: "
            "give both one shape"
        )
    return ""


def _quote(names) -> str:
    return ", ".join(map(repr, names))


def _equal(one: Mapping[str, jax.Array], other: Mapping[str, jax.Array]) -> bool:
    return all(
        np.array_equal(
            one[name], other[name], equal_nan=jnp.issubdtype(one[name].dtype, jnp.inexact)
        )
        for name in one
    )
