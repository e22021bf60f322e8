"""Simulation-based calibration of fits: where the true parameters lie among a fitted guide's draws.

Talts, Betancourt, Simpson, Vehtari, Gelman 2018 (Validating Bayesian inference algorithms with
simulation-based calibration); for variational fits Yao, Vehtari, Simpson, Gelman 2018 (Yes, but did
it work?).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Shaped, UInt32
from numpyro import handlers

from svi_atlas.inference.data import Data, as_arrays
from svi_atlas.inference.parameters import fitted_guide


def rank_statistics(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    data_sets: Mapping[str, Shaped[Array | np.ndarray, "simulation ..."]],
    truth: Mapping[str, Shaped[Array | np.ndarray, "simulation ..."]],
    unconstrained: PyTree[Float[Array | np.ndarray, "simulation ..."]],
    keys: UInt32[Array, "simulation 2"],
    num_draws: int,
) -> dict[str, Float[np.ndarray, "simulation ..."]]:
    """Rank of the true value among the draws of each fitted guide, by site.

    Parameters
    ----------
    model, make_guide
        The model, and a function that makes the guide afresh.
    data
        Arrays by name, shared by all fits.
    data_sets
        Arrays by name that differ between the fits.
    truth
        Values by site at which the data sets were drawn.
    unconstrained
        Fitted parameters.
    keys
        One random key per simulation.
    num_draws
        Draws from each guide.

    Returns
    -------
    How many of `num_draws` draws lie below the true value, (simulation, *site shape). If the guide is
    the posterior they are uniform on 0, ..., num_draws. NaN where a draw is not finite.
    """
    arrays = as_arrays(Data.for_model(data, model, make_guide()))
    rank_fit = partial(_rank_fit, model, make_guide, arrays, num_draws)
    rank_all = jax.jit(lambda arguments: jax.lax.map(rank_fit, arguments))
    ranks = rank_all((dict(data_sets), dict(truth), unconstrained, keys))
    return {name: np.asarray(values) for name, values in ranks.items()}


def _rank_fit(model, make_guide, shared_data, num_draws: int, arguments) -> dict[str, jax.Array]:
    """Ranks by site of one simulation: (data set, truth, unconstrained parameters, key)."""
    data_set, truth, unconstrained, key = arguments
    data = shared_data.replaced(data_set)
    fit = fitted_guide(model, make_guide, data, unconstrained)

    def draw(key):
        fixed = handlers.substitute(handlers.seed(fit.guide, key), data=fit.guide_params)
        trace = handlers.trace(fixed).get_trace(data)
        return {name: trace[name]["value"] for name in truth}

    draws = jax.vmap(draw)(jax.random.split(key, num_draws))
    return {name: _rank(draws[name], truth[name]) for name in truth}


def _rank(draws: Float[Array, "draw ..."], truth: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Number of draws below the true value; NaN where a draw is not finite."""
    finite = jnp.isfinite(draws).all(0)
    return jnp.where(finite, (draws < truth).sum(0).astype(float), jnp.nan)
