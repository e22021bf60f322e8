"""Draws from fitted guides with their log densities: all that diagnostics need of JAX."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro import handlers
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.util import compute_log_probs
from numpyro.optim import Adam

from svi_atlas.inference.fit import ModelError, constrain_function, flat
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.guides import posterior_guide
from svi_atlas.inference.keys import purpose_key


@dataclass(frozen=True)
class Draws:
    """Draws z of fitted guides; arrays lead with (iterate, seed, step_size).

    params: constrained parameters, a pytree of (iterate, seed, step_size, *shape).
    derived: the problem's derived quantities by name, (iterate, seed, step_size).
    sites: model sites by name, (iterate, seed, step_size, draw, *site dims).
    log_joint: (..., draw), ln p(data, z), the model's unnormalised log density, nats.
    log_guide: (..., draw), ln q(z), nats. A `factor` in a guide is no part of q and is left out.
    guide_factors: names of such factor sites.
    elbo_gap: (iterate, seed, step_size), the gain of ELBO (nats) a natural gradient step to the best
        member of the guide's family would bring, and elbo_gap_se, its standard error; NaN for guides of
        more than MOST_PARAMETERS parameters, and where a gradient is not finite.
    step_kl: (iterate, seed, step_size), the symmetrised Kullback-Leibler divergence (nats) between a
        fit's guide and that of the same seed at the next smaller step size, and step_kl_se, its
        standard error; NaN as above, and at the smallest step size.
    """

    params: dict[str, Any]
    derived: dict[str, np.ndarray]
    sites: dict[str, np.ndarray]
    log_joint: np.ndarray
    log_guide: np.ndarray
    guide_factors: tuple[str, ...]
    elbo_gap: np.ndarray
    elbo_gap_se: np.ndarray
    step_kl: np.ndarray
    step_kl_se: np.ndarray


MOST_PARAMETERS = 64
"""Guides with more parameters get no gradients: the Fisher matrix grows with the square of their number."""

MOST_AT_ONCE = 2**28
"""Data values that the densities of a cell's draws look at together, for memory's sake."""


class Drawer:
    """Draws from every fitted guide of a cell: one program, compiled once for all iterates.

    A seed's random numbers are the same for all its step sizes and iterates, so that their
    differences carry little Monte Carlo error. Densities are of all data, also where a fit looks at
    minibatches.
    """

    def __init__(
        self,
        model: Callable,
        make_guide: Callable[[], Callable],
        data: Mapping[str, Any],
        seeds: tuple[int, ...],
        step_sizes: tuple[float, ...],
        num_draws: int,
        derive: Callable[[dict], dict] | None = None,
    ):
        self._data = {name: jnp.asarray(value) for name, value in data.items()}
        self._keys = jnp.stack([purpose_key(seed, "draws") for seed in seeds])
        self._factors: set[str] = set()
        data_size = sum(array.size for array in self._data.values())
        smaller, larger = _neighbours(step_sizes)
        self._smaller, self._has_smaller = smaller, smaller != np.arange(len(step_sizes))

        def one_fit(at_once, unconstrained, neighbours, key, data):
            """neighbours: the unconstrained parameters at the next smaller and larger step size."""
            fit = fitted(model, make_guide, data, unconstrained)
            of_guide = partial(_of_guide, fit.guide, data, self._factors)
            of_model = partial(_of_model, model, data)
            keys = jax.random.split(key, num_draws)
            vector, unravel = ravel_pytree(unconstrained)
            if fit.guide_params is fit.params and vector.size <= MOST_PARAMETERS:
                one_draw = partial(
                    _with_gradients, of_guide, of_model, lambda v: fit.constrain(unravel(v))
                )
                draws, gradients, scores = _each(partial(one_draw, vector), keys, at_once)
                others = (ravel_pytree(other)[0] for other in neighbours)
                distances = jnp.stack([_distance(scores, other - vector) for other in others])
                remaining = _elbo_gap(gradients, scores)
            else:
                one_draw = partial(_without_gradients, of_guide, of_model, fit.guide_params)
                draws = _each(one_draw, keys, at_once)
                remaining, distances = jnp.full(2, jnp.nan), jnp.full((2, 2), jnp.nan)
            derived = derive(fit.params) if derive else {}
            return fit.params, derived, remaining, distances, *draws

        def of_cell(unconstrained, keys, data):
            replicas = math.prod(jax.tree.leaves(unconstrained)[0].shape[:2])
            at_once = max(1, MOST_AT_ONCE // (replicas * max(data_size, 1)))
            of_seed = jax.vmap(partial(one_fit, at_once), in_axes=(0, 0, None, None))
            neighbours = [
                jax.tree.map(lambda leaf, at=at: leaf[:, at], unconstrained)
                for at in (smaller, larger)
            ]
            return jax.vmap(of_seed, in_axes=(0, 0, 0, None))(unconstrained, neighbours, keys, data)

        self._of_cell = jax.jit(of_cell)

    def __call__(self, iterates: Mapping[str, Any]) -> Draws:
        """iterates: unconstrained parameters, a pytree of (iterate, seed, step_size, *shape)."""
        leaves, structure = jax.tree.flatten(iterates)
        each = [self._at(jax.tree.unflatten(structure, one)) for one in zip(*leaves, strict=True)]
        params, derived, remaining, distances, sites, log_joint, log_guide = jax.tree.map(
            lambda *leaves: np.stack(leaves), *each
        )
        # The mean of the squared lengths in the metrics of both ends.
        down, up = np.moveaxis(distances, -2, 0)
        between = np.where(self._has_smaller[:, None], (down + up[:, :, self._smaller]) / 2, np.nan)
        return Draws(
            params,
            derived,
            sites,
            log_joint,
            log_guide,
            tuple(sorted(self._factors)),
            *np.moveaxis(remaining, -1, 0),
            *np.moveaxis(between, -1, 0),
        )

    def log_joint(self, unconstrained: Mapping[str, Any]) -> np.ndarray:
        """ln p(data, z) of the draws, (seed, step_size, draw), at one iterate: (seed, step_size, ...)."""
        *_, log_joint, _ = self._at(unconstrained)
        return log_joint

    def _at(self, unconstrained):
        return jax.tree.map(np.asarray, self._of_cell(unconstrained, self._keys, self._data))


def _neighbours(step_sizes: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the next smaller and the next larger step size of each; its own where none is."""
    order = np.argsort(step_sizes)
    rank = np.argsort(order)
    return order[np.maximum(rank - 1, 0)], order[np.minimum(rank + 1, len(order) - 1)]


def _each(function: Callable, keys: jax.Array, at_once: int):
    """function(key) of all keys, at most `at_once` at a time; results lead with the key."""
    if len(keys) <= at_once:
        return jax.vmap(function)(keys)
    return jax.lax.map(function, keys, batch_size=at_once)


class Fitted(NamedTuple):
    """A fit's constrained parameters and how they came about; the guide and parameters to draw from."""

    params: dict[str, Any]
    constrain: Callable[[Any], dict[str, Any]]
    guide: Callable
    guide_params: dict[str, Any]


def fitted(
    model: Callable, make_guide: Callable[[], Callable], data: Mapping[str, Any], unconstrained: Any
) -> Fitted:
    """A fit at its unconstrained parameters; call it where its result is traced."""
    guide = make_guide()
    constrain = constrain_function(SVI(model, guide, Adam(0.0), Trace_ELBO()), data)
    params = constrain(unconstrained)
    posterior, posterior_params = posterior_guide(guide, params)
    if posterior is not guide:
        constrain_function(SVI(model, posterior, Adam(0.0), Trace_ELBO()), data)
    return Fitted(params, constrain, posterior, posterior_params)


def _of_guide(guide, data, factors, params, key, drawn=None):
    """(z, ln q(z)) at constrained params; z, a dict of sites and plates, is new unless `drawn`.

    Names of the guide's factor sites are added to `factors` when traced.
    """
    seeded = handlers.substitute(handlers.seed(NoSubsampling(guide), key), data=drawn or {})
    logs, trace = compute_log_probs(seeded, (data,), {}, params)
    latent = [name for name in logs if not trace[name]["is_observed"]]
    factors.update(set(logs) - set(latent))
    plates = [name for name, site in trace.items() if site["type"] == "plate"]
    values = {name: trace[name]["value"] for name in [*latent, *plates]}
    return values, sum(logs[name] for name in latent)


def _of_model(model, data, params, drawn, key):
    """The model's sites among `drawn`, and ln p(data, z).

    Raises ModelError for a model that looks at minibatches and cannot look at all data.
    """
    whole = NoSubsampling(model)
    seeded = handlers.substitute(handlers.seed(whole, key), data=drawn)
    try:
        logs, trace = compute_log_probs(seeded, (data,), {}, params)
    except (TypeError, ValueError) as error:
        if whole.hint:
            raise ModelError(f"{type(error).__name__}: {error}{whole.hint}") from error
        raise
    names = [name for name in drawn if name in logs]
    return {name: trace[name]["value"] for name in names}, sum(logs.values())


def _without_gradients(of_guide, of_model, params, key):
    """One draw: (sites, ln p(data, z), ln q(z))."""
    guide_key, model_key = jax.random.split(key)
    drawn, log_guide = of_guide(params, guide_key)
    return *of_model(params, drawn, model_key), log_guide


def _with_gradients(of_guide, of_model, constrain, vector, key):
    """One draw, and its gradients in the unconstrained parameters `vector`, (parameter,) each.

    Of its log weight ln p - ln q along the path of the draw, without the score, whose mean is zero
    (Roeder, Wu, Duvenaud 2017, Sticking the landing); and the score itself.
    """
    guide_key, model_key = jax.random.split(key)
    fixed = jax.lax.stop_gradient(constrain(vector))

    def log_weight(vector):
        params = constrain(vector)
        drawn, _ = of_guide(params, guide_key)
        _, log_guide = of_guide(fixed, guide_key, drawn)
        sites, log_joint = of_model(params, drawn, model_key)
        return log_joint - log_guide, (drawn, (sites, log_joint, log_guide))

    gradient, (drawn, draw) = jax.grad(log_weight, has_aux=True)(vector)
    score = jax.grad(lambda vector: of_guide(constrain(vector), guide_key, drawn)[1])(vector)
    return draw, gradient, score


def _elbo_gap(gradients: jax.Array, scores: jax.Array) -> jax.Array:
    """Half the squared length of the gradient of the ELBO in the metric of the guide's Fisher matrix.

    Near the optimum of a family that holds the posterior the ELBO falls by half the squared Fisher
    distance (Amari 1998, Natural gradient works efficiently in learning), so this is what is left to
    gain. gradients, scores: (draw, parameter); draws with a gradient that is not finite are left out.
    Returns the estimate without its bias from the noise of the mean, and its standard error, (2,).
    """
    usable = jnp.isfinite(gradients).all(-1) & jnp.isfinite(scores).all(-1)
    count = usable.sum()
    gradients, scores = (jnp.where(usable[:, None], x, 0.0) for x in (gradients, scores))
    mean = gradients.sum(0) / count
    noise = jnp.where(usable[:, None], gradients - mean, 0.0)
    covariance = noise.T @ noise / count / count
    fisher = scores.T @ scores / count
    # Scaled to a unit diagonal; directions that change nothing (an overparametrised guide) are cut.
    scale = jnp.sqrt(jnp.clip(jnp.diagonal(fisher), 1e-30))
    inverse = jnp.linalg.pinv(fisher / scale[:, None] / scale, rtol=1e-5, hermitian=True)
    step = inverse @ (mean / scale)
    spread = inverse @ (covariance / scale[:, None] / scale)
    bias = 0.5 * jnp.trace(spread)
    variance = 0.5 * jnp.trace(spread @ spread) + (step / scale) @ covariance @ (step / scale)
    return jnp.stack([0.5 * (mean / scale) @ step - bias, jnp.sqrt(variance)])


def _distance(scores: jax.Array, difference: jax.Array) -> jax.Array:
    """Squared length of a difference of parameters in the metric of the guide's Fisher matrix.

    To second order the symmetrised Kullback-Leibler divergence of the two guides (Kullback 1959,
    Information theory and statistics, 2.6). scores: (draw, parameter); difference: (parameter,).
    Returns the estimate and its standard error, (2,).
    """
    squares = (scores @ difference) ** 2
    return jnp.stack([squares.mean(), squares.std() / jnp.sqrt(len(squares))])


def mock_data(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    unconstrained: Mapping[str, Any],
    draws: Draws,
    seeds: tuple[int, ...],
    num_mock: int,
) -> dict[str, np.ndarray]:
    """Mock observations two ways, which must agree (last iterate).

    unconstrained: its parameters, (seed, step_size, *shape); draws: made at it, first of its iterates.
    Returns `mock_guide.<site>`, drawn from model, guide and parameters, and `mock_draws.<site>`,
    drawn from the model at the first `num_mock` of the draws already made; both (seed, step_size,
    mock, *site dims) for every site of model(None) that the guide does not draw.
    """
    data = {name: jnp.asarray(value) for name, value in data.items()}
    sites = {name: values[0, :, :, :num_mock] for name, values in draws.sites.items()}

    def one_fit(unconstrained, sites, key):
        _, _, guide, params = fitted(model, make_guide, data, unconstrained)

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
    return flat(of_cell(unconstrained, sites, keys))
