"""Simulation-based calibration of fits: where the true parameters lie among a fitted guide's draws.

Talts, Betancourt, Simpson, Vehtari, Gelman 2018 (Validating Bayesian inference algorithms with
simulation-based calibration); for variational fits Yao, Vehtari, Simpson, Gelman 2018 (Yes, but did
it work?).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers

from svi_atlas.inference.draws import fitted


def rank_statistics(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    data_sets: Mapping[str, Any],
    truth: Mapping[str, Any],
    unconstrained: Any,
    keys: jax.Array,
    num_draws: int,
) -> dict[str, np.ndarray]:
    """How many of `num_draws` draws of each fitted guide lie below the true value, by site.

    data: arrays shared by all fits; data_sets: those of their own, (simulation, *shape); truth: the
    values the data were drawn at, (simulation, *site shape), as what is returned; unconstrained:
    fitted parameters, a pytree of (simulation, *shape); keys: (simulation, 2). If the guide is the
    posterior, the counts are uniform on 0, ..., num_draws. NaN where a draw is not finite.
    """
    arrays = {name: jnp.asarray(value) for name, value in data.items()}

    def of_fit(arguments):
        data_set, truth, unconstrained, key = arguments
        data = {**arrays, **data_set}
        _, _, guide, params = fitted(model, make_guide, data, unconstrained)

        def draw(key):
            fixed = handlers.substitute(handlers.seed(guide, key), data=params)
            trace = handlers.trace(fixed).get_trace(data)
            return {name: trace[name]["value"] for name in truth}

        draws = jax.vmap(draw)(jax.random.split(key, num_draws))
        return {name: _below(draws[name], truth[name]) for name in truth}

    of_fits = jax.jit(lambda arguments: jax.lax.map(of_fit, arguments))
    below = of_fits((dict(data_sets), dict(truth), unconstrained, keys))
    return {name: np.asarray(values) for name, values in below.items()}


def _below(draws: jax.Array, truth: jax.Array) -> jax.Array:
    """draws: (draw, *shape); truth: (*shape)."""
    finite = jnp.isfinite(draws).all(0)
    return jnp.where(finite, (draws < truth).sum(0).astype(float), jnp.nan)
