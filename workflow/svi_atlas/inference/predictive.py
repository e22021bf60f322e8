"""Posterior predictive: mock observations from the model at draws of a fitted guide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Shaped
from numpyro import handlers

from svi_atlas.inference.data import Data, as_arrays
from svi_atlas.inference.draws import Draws
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.parameters import FittedGuide, fitted_guide, flatten_params


def mock_data(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    unconstrained: PyTree[Float[Array | np.ndarray, "seed setting ..."]],
    draws: Draws,
    seeds: tuple[int, ...],
    num_mock: int,
) -> dict[str, Shaped[np.ndarray, "seed setting mock ..."]]:
    """Mock observations made in two ways, which must agree.

    Parameters
    ----------
    model, make_guide, data
        The model, a function that makes the guide afresh, and the arrays of the data by name.
    unconstrained
        Parameters of the last iterate.
    draws
        Draws made at it, the first of their iterates.
    seeds
        Of the fits.
    num_mock
        Mock data sets per fit.

    Returns
    -------
    `mock_guide.<site>`, drawn from model, guide and parameters, and `mock_draws.<site>`, drawn from the
    model at the first `num_mock` of the draws already made; both (seed, setting, mock, *site dims)
    for every site that the model observes.
    """
    arrays = as_arrays(data)
    draw_mock = partial(_mock_at, *_drawing_observations(model, arrays))
    sites = {name: values[0, :, :, :num_mock] for name, values in draws.sites.items()}

    def mock_fit(unconstrained, sites, key):
        fit = fitted_guide(model, make_guide, arrays, unconstrained)
        mock_from_guide = partial(_mock_from_guide, draw_mock, fit, arrays, list(sites))
        guide_key, draws_key = jax.random.split(key)
        return {
            "mock_guide": jax.vmap(mock_from_guide)(jax.random.split(guide_key, num_mock)),
            "mock_draws": jax.vmap(draw_mock)(sites, jax.random.split(draws_key, num_mock)),
        }

    mock_seed = jax.vmap(mock_fit, in_axes=(0, 0, None))
    mock_cell = jax.jit(jax.vmap(mock_seed, in_axes=(0, 0, 0)))
    keys = jnp.stack([purpose_key(seed, "mock") for seed in seeds])
    return flatten_params(mock_cell(unconstrained, sites, keys))


def _drawing_observations(model: Callable, data: Data) -> tuple[Callable, Data | None]:
    """The model and its argument, so that it draws what it observes.

    Called as model(None) if it can be; else with all data, and its observed sites are drawn.
    """

    def trace(key):
        handlers.trace(handlers.seed(model, key)).get_trace(None)

    try:
        jax.eval_shape(trace, purpose_key(0, "mock"))
    except (MemoryError, OSError):
        raise
    except Exception:
        return handlers.uncondition(model), data
    return model, None


def _mock_at(
    model: Callable, data: Mapping[str, Any] | None, latent: Mapping[str, Any], key
) -> dict[str, Any]:
    """One mock data set of the model at given values of its latent sites."""
    fixed = handlers.substitute(handlers.seed(model, key), latent)
    trace = handlers.trace(fixed).get_trace(data)
    return {
        name: site["value"]
        for name, site in trace.items()
        if site["type"] == "sample" and name not in latent
    }


def _mock_from_guide(
    draw_mock: Callable, fit: FittedGuide, data, sites: list[str], key
) -> dict[str, Any]:
    """One mock data set of the model at a new draw of the guide."""
    guide_key, model_key = jax.random.split(key)
    seeded = handlers.substitute(handlers.seed(fit.guide, guide_key), fit.guide_params)
    trace = handlers.trace(seeded).get_trace(data)
    latent = {name: trace[name]["value"] for name in sites}
    return draw_mock(latent, model_key)
