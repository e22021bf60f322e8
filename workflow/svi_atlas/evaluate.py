"""Draws from fitted guides with their log densities: all that diagnostics need of JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.util import compute_log_probs
from numpyro.optim import Adam

from svi_atlas.engine import constrain_function, flat
from svi_atlas.guides import posterior_guide
from svi_atlas.keys import purpose_key


@dataclass(frozen=True)
class Draws:
    """Draws z of fitted guides; arrays lead with (iterate, seed, step_size).

    params: constrained parameters, a pytree of (iterate, seed, step_size, *shape).
    derived: the problem's derived quantities by name, (iterate, seed, step_size).
    sites: model sites by name, (iterate, seed, step_size, draw, *site dims).
    log_joint: (..., draw), ln p(data, z), the model's unnormalised log density, nats.
    log_guide: (..., draw), ln q(z), nats. A `factor` in a guide is no part of q and is left out.
    guide_factors: names of such factor sites.
    """

    params: dict[str, Any]
    derived: dict[str, np.ndarray]
    sites: dict[str, np.ndarray]
    log_joint: np.ndarray
    log_guide: np.ndarray
    guide_factors: tuple[str, ...]


def draw_cell(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    iterates: Mapping[str, Any],
    seeds: tuple[int, ...],
    num_draws: int,
    derive: Callable[[dict], dict] | None = None,
) -> Draws:
    """Draw from every fitted guide of a cell.

    iterates: unconstrained parameters, a pytree of arrays (iterate, seed, step_size, *shape). A
    seed's random numbers are the same for all its step sizes and iterates, so that their
    differences carry little Monte Carlo error.
    """
    data = {name: jnp.asarray(value) for name, value in data.items()}

    factors: set[str] = set()

    def one_fit(unconstrained, key, data):
        guide = make_guide()
        svi = SVI(model, guide, Adam(0.0), Trace_ELBO())
        params = constrain_function(svi, data)(unconstrained)
        posterior, posterior_params = posterior_guide(guide, params)
        if posterior is not guide:
            constrain_function(SVI(model, posterior, Adam(0.0), Trace_ELBO()), data)

        def one_draw(key):
            guide_key, model_key = jax.random.split(key)
            seeded = handlers.seed(posterior, guide_key)
            logs, trace = compute_log_probs(seeded, (data,), {}, posterior_params)
            latent = [name for name in logs if not trace[name]["is_observed"]]
            factors.update(set(logs) - set(latent))
            replayed = handlers.replay(handlers.seed(model, model_key), trace)
            model_logs, model_trace = compute_log_probs(replayed, (data,), {}, params)
            sites = {name: trace[name]["value"] for name in latent if name in model_trace}
            return sites, sum(model_logs.values()), sum(logs[name] for name in latent)

        draws = jax.vmap(one_draw)(jax.random.split(key, num_draws))
        return params, derive(params) if derive else {}, *draws

    of_seed = jax.vmap(one_fit, in_axes=(0, None, None))
    of_cell = jax.vmap(of_seed, in_axes=(0, 0, None))
    of_iterates = jax.jit(jax.vmap(of_cell, in_axes=(0, None, None)))
    keys = jnp.stack([purpose_key(seed, "draws") for seed in seeds])
    params, derived, sites, log_joint, log_guide = jax.tree.map(
        np.asarray, of_iterates(iterates, keys, data)
    )
    return Draws(params, derived, sites, log_joint, log_guide, tuple(sorted(factors)))


def mock_data(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    draws: Draws,
    seeds: tuple[int, ...],
    num_mock: int,
) -> dict[str, np.ndarray]:
    """Mock observations two ways, which must agree (last iterate).

    Returns `mock_guide.<site>`, drawn from model, guide and parameters, and `mock_draws.<site>`,
    drawn from the model at the first `num_mock` of the draws already made; both (seed, step_size,
    mock, *site dims) for every site of model(None) that the guide does not draw.
    """
    data = {name: jnp.asarray(value) for name, value in data.items()}
    last = jax.tree.map(lambda leaf: leaf[0], draws.params)
    sites = {name: values[0, :, :, :num_mock] for name, values in draws.sites.items()}

    def one_fit(params, sites, key):
        guide = make_guide()
        constrain_function(SVI(model, guide, Adam(0.0), Trace_ELBO()), data)
        guide, params = posterior_guide(guide, params)

        def observed(latent, key):
            filled = handlers.substitute(handlers.seed(model, key), latent)
            trace = handlers.trace(filled).get_trace(None)
            return {
                name: site["value"]
                for name, site in trace.items()
                if site["type"] == "sample" and name not in latent
            }

        def from_guide(key):
            guide_key, model_key = jax.random.split(key)
            seeded = handlers.substitute(handlers.seed(guide, guide_key), params)
            trace = handlers.trace(seeded).get_trace(data)
            return observed({name: trace[name]["value"] for name in sites}, model_key)

        guide_key, draws_key = jax.random.split(key)
        return {
            "mock_guide": jax.vmap(from_guide)(jax.random.split(guide_key, num_mock)),
            "mock_draws": jax.vmap(observed)(sites, jax.random.split(draws_key, num_mock)),
        }

    of_seed = jax.vmap(one_fit, in_axes=(0, 0, None))
    of_cell = jax.jit(jax.vmap(of_seed, in_axes=(0, 0, 0)))
    keys = jnp.stack([purpose_key(seed, "mock") for seed in seeds])
    return flat(of_cell(last, sites, keys))
