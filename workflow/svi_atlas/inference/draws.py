"""Draws from fitted guides with their log densities: all that diagnostics need of JAX."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, UInt32
from numpyro import handlers
from numpyro.infer.util import compute_log_probs

from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.natural_gradient import (
    estimate_elbo_gap,
    estimate_squared_distance,
    neighbouring_settings,
    step_kl,
)
from svi_atlas.inference.parameters import FittedGuide, fitted_guide
from svi_atlas.inference.schedules import Setting

MAX_GRADIENT_PARAMETERS = 64
"""Guides with more parameters get no gradients: the Fisher matrix grows with the square of their number."""

MAX_DATA_VALUES = 2**28
"""Data values that the densities of a cell's draws look at together, for memory's sake."""


@dataclass(frozen=True)
class Draws:
    """Draws z of fitted guides; arrays lead with (iterate, seed, setting).

    params: constrained parameters, a pytree of (iterate, seed, setting, *shape).
    derived: the problem's derived quantities by name.
    sites: model sites by name, (iterate, seed, setting, draw, *site dims).
    log_joint: ln p(data, z), the model's unnormalised log density, nats.
    log_guide: ln q(z), nats. A `factor` in a guide is no part of q and is left out.
    guide_factors: names of such factor sites.
    elbo_gap: optimality gap (ELBO still to be gained by a natural gradient step to the best member of
        the guide's family), nats, and elbo_gap_se, its standard error; NaN for guides of more than
        MAX_GRADIENT_PARAMETERS parameters, and where no draw has finite gradients.
    step_kl: symmetrised Kullback-Leibler divergence (nats) between a fit's guide and that of the same
        seed at the next smaller step size, and step_kl_se, its standard error; NaN as above, and at
        the smallest step size.
    """

    params: PyTree[Float[np.ndarray, "iterate seed setting ..."]]
    derived: dict[str, Float[np.ndarray, "iterate seed setting"]]
    sites: dict[str, np.ndarray]
    log_joint: Float[np.ndarray, "iterate seed setting draw"]
    log_guide: Float[np.ndarray, "iterate seed setting draw"]
    guide_factors: tuple[str, ...]
    elbo_gap: Float[np.ndarray, "iterate seed setting"]
    elbo_gap_se: Float[np.ndarray, "iterate seed setting"]
    step_kl: Float[np.ndarray, "iterate seed setting"]
    step_kl_se: Float[np.ndarray, "iterate seed setting"]


class _CellDraws(NamedTuple):
    """Draws of all fits at one iterate; arrays lead with (seed, setting).

    elbo_gap: (..., 2), estimate and standard error. distances: (..., 2, 2), to the fits of the next
    smaller and the next larger step size, each with its standard error.
    """

    params: Any
    derived: Any
    elbo_gap: Any
    distances: Any
    sites: Any
    log_joint: Any
    log_guide: Any


@dataclass(frozen=True, eq=False)
class Drawer:
    """Draws from every fitted guide of a cell: one program, compiled once for all iterates.

    A seed's random numbers are the same for all its settings and iterates, so that their
    differences carry little Monte Carlo error. Densities are of all data, also where a fit looks at
    minibatches.

    model, make_guide: the model, and a function that makes the guide afresh.
    data: arrays by name.
    seeds, settings: of the fits.
    num_draws: draws from each guide.
    derive: quantities derived from the constrained parameters, by name.
    """

    model: Callable
    make_guide: Callable[[], Callable]
    data: Mapping[str, Any]
    seeds: tuple[int, ...]
    settings: tuple[Setting, ...]
    num_draws: int
    derive: Callable[[dict], dict] | None = None

    def __call__(self, iterates: PyTree[Float[Array | np.ndarray, "iterate ..."]]) -> Draws:
        """Draw at each iterate's unconstrained parameters, (iterate, seed, setting, *shape)."""
        leaves, structure = jax.tree.flatten(iterates)
        each = [self._draw(jax.tree.unflatten(structure, one)) for one in zip(*leaves, strict=True)]
        cell: _CellDraws = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
        smaller, _ = neighbouring_settings(self.settings)
        to_smaller, to_larger = np.moveaxis(cell.distances, -2, 0)
        divergence = step_kl(to_smaller, to_larger, smaller)
        return Draws(
            cell.params,
            cell.derived,
            cell.sites,
            cell.log_joint,
            cell.log_guide,
            guide_factors=_list_factors(self.make_guide(), self._arrays),
            elbo_gap=cell.elbo_gap[..., 0],
            elbo_gap_se=cell.elbo_gap[..., 1],
            step_kl=divergence[..., 0],
            step_kl_se=divergence[..., 1],
        )

    def log_joint(
        self, unconstrained: PyTree[Float[Array | np.ndarray, "seed setting ..."]]
    ) -> Float[np.ndarray, "seed setting draw"]:
        """ln p(data, z) of the draws at one iterate, nats."""
        return self._draw(unconstrained).log_joint

    def _draw(self, unconstrained) -> _CellDraws:
        keys = jnp.stack([purpose_key(seed, "draws") for seed in self.seeds])
        return jax.tree.map(np.asarray, self._program(unconstrained, keys, self._arrays))

    @cached_property
    def _arrays(self) -> dict[str, jax.Array]:
        return {name: jnp.asarray(value) for name, value in self.data.items()}

    @cached_property
    def _program(self) -> Callable:
        """Compiled when it is first called, for all iterates."""
        return jax.jit(partial(_draw_cell, self))


def _draw_cell(
    drawer: Drawer, unconstrained: Any, keys: UInt32[Array, "seed 2"], data: dict[str, jax.Array]
) -> _CellDraws:
    replicas = math.prod(jax.tree.leaves(unconstrained)[0].shape[:2])
    data_size = sum(array.size for array in data.values())
    at_once = max(1, MAX_DATA_VALUES // (replicas * max(data_size, 1)))
    draw_seed = jax.vmap(partial(_draw_fit, drawer, at_once), in_axes=(0, 0, None, None))
    neighbours = [
        jax.tree.map(lambda leaf, positions=positions: leaf[:, positions], unconstrained)
        for positions in neighbouring_settings(drawer.settings)
    ]
    return jax.vmap(draw_seed, in_axes=(0, 0, 0, None))(unconstrained, neighbours, keys, data)


def _draw_fit(drawer: Drawer, at_once: int, unconstrained, neighbours, key, data) -> _CellDraws:
    """All draws of one fit, `at_once` at a time.

    neighbours: the unconstrained parameters at the next smaller and the next larger step size.
    """
    fit = fitted_guide(drawer.model, drawer.make_guide, data, unconstrained)
    draw_guide = partial(_draw_guide, fit.guide, data)
    evaluate_model = partial(_evaluate_model, drawer.model, data)
    keys = jax.random.split(key, drawer.num_draws)
    vector, unravel = ravel_pytree(unconstrained)
    if _has_gradients(fit, vector):
        draw_one = partial(
            _draw_with_gradients, draw_guide, evaluate_model, lambda v: fit.constrain(unravel(v))
        )
        draws, gradients, scores = _map_keys(partial(draw_one, vector), keys, at_once)
        others = (ravel_pytree(other)[0] for other in neighbours)
        distances = jnp.stack([estimate_squared_distance(scores, v - vector) for v in others])
        elbo_gap = estimate_elbo_gap(gradients, scores)
    else:
        draw_one = partial(_draw_without_gradients, draw_guide, evaluate_model, fit.guide_params)
        draws = _map_keys(draw_one, keys, at_once)
        elbo_gap, distances = jnp.full(2, jnp.nan), jnp.full((2, 2), jnp.nan)
    derived = drawer.derive(fit.params) if drawer.derive else {}
    return _CellDraws(fit.params, derived, elbo_gap, distances, *draws)


def _has_gradients(fit: FittedGuide, vector: Float[Array, " parameter"]) -> bool:
    """Whether the ELBO has a gradient in the parameters, and these are few enough."""
    return fit.guide_params is fit.params and vector.size <= MAX_GRADIENT_PARAMETERS


def _map_keys(function: Callable, keys: UInt32[Array, "draw 2"], at_once: int):
    """function(key) of all keys, at most `at_once` at a time; results lead with the key."""
    if len(keys) <= at_once:
        return jax.vmap(function)(keys)
    return jax.lax.map(function, keys, batch_size=at_once)


def _draw_guide(guide, data, params, key, drawn=None):
    """(z, ln q(z)) at constrained params; z, a dict of sites and plates, is new unless `drawn`."""
    seeded = handlers.substitute(handlers.seed(NoSubsampling(guide), key), data=drawn or {})
    logs, trace = compute_log_probs(seeded, (data,), {}, params)
    latent = [name for name in logs if not trace[name]["is_observed"]]
    plates = [name for name, site in trace.items() if site["type"] == "plate"]
    values = {name: trace[name]["value"] for name in [*latent, *plates]}
    return values, sum(logs[name] for name in latent)


def _evaluate_model(model, data, params, drawn, key):
    """The model's sites among `drawn`, and ln p(data, z).

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
    return {name: trace[name]["value"] for name in names}, sum(logs.values())


def _list_factors(guide: Callable, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of a guide's factor (or observed) sites; computes nothing."""

    def trace(key):
        seeded = handlers.seed(NoSubsampling(guide), key)
        sites = handlers.trace(seeded).get_trace(data)
        return {
            name: site["value"]
            for name, site in sites.items()
            if site["type"] == "sample" and site["is_observed"]
        }

    return tuple(sorted(jax.eval_shape(trace, purpose_key(0, "factors"))))


def _draw_without_gradients(draw_guide, evaluate_model, params, key):
    """One draw: (sites, ln p(data, z), ln q(z))."""
    guide_key, model_key = jax.random.split(key)
    drawn, log_guide = draw_guide(params, guide_key)
    return *evaluate_model(params, drawn, model_key), log_guide


def _draw_with_gradients(draw_guide, evaluate_model, constrain, vector, key):
    """One draw, and its gradients in the unconstrained parameters `vector`, (parameter,) each.

    Of its log weight ln p - ln q along the path of the draw, without the score, whose mean is zero
    (Roeder, Wu, Duvenaud 2017, Sticking the landing); and the score itself.
    """
    guide_key, model_key = jax.random.split(key)
    fixed = jax.lax.stop_gradient(constrain(vector))

    def log_weight(vector):
        params = constrain(vector)
        drawn, _ = draw_guide(params, guide_key)
        _, log_guide = draw_guide(fixed, guide_key, drawn)
        sites, log_joint = evaluate_model(params, drawn, model_key)
        return log_joint - log_guide, (drawn, (sites, log_joint, log_guide))

    gradient, (drawn, draw) = jax.grad(log_weight, has_aux=True)(vector)
    score = jax.grad(lambda vector: draw_guide(constrain(vector), guide_key, drawn)[1])(vector)
    return draw, gradient, score
