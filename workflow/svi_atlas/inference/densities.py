"""Draws from a guide, and log densities of guides and models at given values, of all data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float, PyTree, UInt32
from numpyro import handlers
from numpyro.infer.util import compute_log_probs

from svi_atlas.inference.deterministic import deterministic_sites
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.model_error import ModelError


def draw_guide(
    guide: Callable,
    data: Mapping[str, Any],
    params: Mapping[str, Any],
    key: UInt32[Array, 2],
    drawn: Mapping[str, Any] | None = None,
) -> tuple[dict[str, Any], Float[Array, ""]]:
    """Draw from a guide at constrained parameters.

    Returns z, a dict of sites and plates, which is new unless `drawn`, and ln q(z), nats.
    """
    seeded = handlers.substitute(handlers.seed(NoSubsampling(guide), key), data=drawn or {})
    logs, trace = compute_log_probs(seeded, (data,), {}, params)
    latent = [name for name in logs if not trace[name]["is_observed"]]
    plates = [name for name, site in trace.items() if site["type"] == "plate"]
    values = {name: trace[name]["value"] for name in [*latent, *plates]}
    return values, sum(logs[name] for name in latent)


class Evaluated(NamedTuple):
    """A model at given values.

    sites: the model's sites (and plates) among those values, by name.
    log_joint: ln p(data, z), nats.
    deterministic: see `deterministic_sites`.
    """

    sites: dict[str, Any]
    log_joint: Float[Array, ""]
    deterministic: dict[str, Any]


def evaluate_model(
    model: Callable,
    data: Mapping[str, Any],
    params: Mapping[str, Any],
    drawn: Mapping[str, Any],
    key: UInt32[Array, 2],
) -> Evaluated:
    """The model at `drawn` (sites and plates).

    Raises ModelError for a model that looks at minibatches and cannot look at all data.
    """
    full = NoSubsampling(model)
    seeded = handlers.substitute(handlers.seed(full, key), data=drawn)
    try:
        logs, trace = compute_log_probs(seeded, (data,), {}, params)
    except (TypeError, ValueError) as error:
        if full.hint:
            raise ModelError(f"{type(error).__name__}: {error}{full.hint}") from error
        raise
    names = [name for name in drawn if name in logs]
    sites = {name: trace[name]["value"] for name in names}
    return Evaluated(sites, sum(logs.values()), deterministic_sites(trace))


def map_draws(function: Callable, draws: PyTree, at_once: int) -> PyTree:
    """function(draw) of all draws, at most `at_once` at a time; arguments and results lead with the draw."""
    if len(jax.tree.leaves(draws)[0]) <= at_once:
        return jax.vmap(function)(draws)
    return jax.lax.map(function, draws, batch_size=at_once)
