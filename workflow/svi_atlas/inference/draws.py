"""Draws from fitted guides with their log densities: all that diagnostics need of JAX."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree, UInt32
from numpyro import handlers
from numpyro.infer.autoguide import AutoGuide

from svi_atlas.inference.affine_gain import AffineGain, count_gap_parameters, gain_of_fit
from svi_atlas.inference.data import Data, as_arrays
from svi_atlas.inference.densities import draw_guide, evaluate_model, map_draws
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.natural_gradient import (
    estimate_elbo_gap,
    estimate_squared_distance,
    neighbouring_settings,
    step_kl,
)
from svi_atlas.inference.parameters import FittedGuide, fitted_guide
from svi_atlas.inference.reparametrisation import not_reparametrised
from svi_atlas.inference.schedules import Setting

MAX_GRADIENT_PARAMETERS = 64
"""Guides with more parameters get no scores: the Fisher matrix grows with the square of their number."""

MAX_DATA_VALUES = 2**28
"""Data values that the densities of a cell's draws look at together, for memory's sake."""


@dataclass(frozen=True)
class Draws:
    """Draws z of fitted guides; arrays lead with (iterate, seed, setting).

    params: constrained parameters, a pytree of (iterate, seed, setting, *shape).
    derived: the problem's derived quantities by name.
    sites: latent sites of the model by name, (iterate, seed, setting, draw, *site dims).
    deterministic: its deterministic sites that are looked at, likewise.
    log_joint: ln p(data, z), the model's unnormalised log density, nats.
    log_guide: ln q(z), nats. A `factor` in a guide is no part of q and is left out.
    guide_factors: names of such factor sites.
    elbo_gap: optimality gap (ELBO still to be gained within the guide's family), nats, and elbo_gap_se,
        its standard error: by affine changes of the guide's standard Normal base where it has one, else
        by a natural gradient step, of guides of at most MAX_GRADIENT_PARAMETERS parameters. NaN for other
        guides, and where gradients are not finite.
    gap_parameters: the number of parameters that the gap is shared among.
    gap_beyond: ELBO that affine changes outside the family would gain, nats, and gap_beyond_se, its
        standard error; gradient_scale: see `AffineGain`. NaN for guides without a standard Normal base.
    step_kl: symmetrised Kullback-Leibler divergence (nats) between a fit's guide and that of the same
        seed at the next smaller step size, and step_kl_se, its standard error; NaN for guides of more
        parameters, and at the smallest step size.
    """

    params: PyTree[Float[np.ndarray, "iterate seed setting ..."]]
    derived: dict[str, Float[np.ndarray, "iterate seed setting"]]
    sites: dict[str, np.ndarray]
    deterministic: dict[str, np.ndarray]
    log_joint: Float[np.ndarray, "iterate seed setting draw"]
    log_guide: Float[np.ndarray, "iterate seed setting draw"]
    guide_factors: tuple[str, ...]
    elbo_gap: Float[np.ndarray, "iterate seed setting"]
    elbo_gap_se: Float[np.ndarray, "iterate seed setting"]
    gap_parameters: int
    gap_beyond: Float[np.ndarray, "iterate seed setting"]
    gap_beyond_se: Float[np.ndarray, "iterate seed setting"]
    gradient_scale: Float[np.ndarray, "iterate seed setting"]
    step_kl: Float[np.ndarray, "iterate seed setting"]
    step_kl_se: Float[np.ndarray, "iterate seed setting"]


class _CellDraws(NamedTuple):
    """Draws of all fits at one iterate; arrays lead with (seed, setting).

    gain: an AffineGain. distances: (..., 2, 2), to the fits of the next
    smaller and the next larger step size, each with its standard error.
    """

    params: Any
    derived: Any
    gain: Any
    distances: Any
    sites: Any
    log_joint: Any
    deterministic: Any
    log_guide: Any


class _Keys(NamedTuple):
    """Keys of the draws and of the estimate of the gap, each (seed, 2) or that of one seed, (2,)."""

    draws: UInt32[Array, "*seed 2"]
    gain: UInt32[Array, "*seed 2"]


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
            cell.deterministic,
            cell.log_joint,
            cell.log_guide,
            guide_factors=_list_factors(self.make_guide(), self.arrays),
            elbo_gap=cell.gain.within,
            elbo_gap_se=cell.gain.within_se,
            gap_parameters=self._count_gap_parameters(iterates),
            gap_beyond=cell.gain.beyond,
            gap_beyond_se=cell.gain.beyond_se,
            gradient_scale=cell.gain.gradient_scale,
            step_kl=divergence[..., 0],
            step_kl_se=divergence[..., 1],
        )

    def log_joint(
        self, unconstrained: PyTree[Float[Array | np.ndarray, "seed setting ..."]]
    ) -> Float[np.ndarray, "seed setting draw"]:
        """ln p(data, z) of the draws at one iterate, nats."""
        return self._draw(unconstrained).log_joint

    def _draw(self, unconstrained) -> _CellDraws:
        keys = _Keys(
            *(
                jnp.stack([purpose_key(seed, purpose) for seed in self.seeds])
                for purpose in ("draws", "gain")
            )
        )
        return jax.tree.map(np.asarray, self._program(unconstrained, keys, self.arrays))

    def _count_gap_parameters(self, iterates) -> int:
        """Computes nothing."""
        counts = []

        def count(one_fit, data):
            fit = fitted_guide(self.model, self.make_guide, data, one_fit)
            counts.append(count_gap_parameters(fit, one_fit))

        one_fit = jax.tree.map(lambda leaf: jnp.asarray(leaf)[0, 0, 0], iterates)
        jax.eval_shape(count, one_fit, self.arrays)
        return counts[0]

    @cached_property
    def chosen(self) -> frozenset[str]:
        """Parameters that only choose among draws, whose gradient is that of the score function."""
        guide = self.make_guide()
        if isinstance(guide, AutoGuide):  # all of them are reparametrised
            return frozenset()
        key = purpose_key(0, "chosen")
        return frozenset(not_reparametrised(NoSubsampling(guide), self.arrays, key))

    @cached_property
    def arrays(self) -> Data:
        return as_arrays(self.data)

    @cached_property
    def _program(self) -> Callable:
        """Compiled when it is first called, for all iterates."""
        _ = self.chosen  # found out by values, which a traced program does not have
        return jax.jit(partial(_draw_cell, self))


def _draw_cell(drawer: Drawer, unconstrained: Any, keys: _Keys, data: Data) -> _CellDraws:
    replicas = math.prod(jax.tree.leaves(unconstrained)[0].shape[:2])
    data_size = data.size
    at_once = max(1, MAX_DATA_VALUES // (replicas * max(data_size, 1)))
    draw_seed = jax.vmap(partial(_draw_fit, drawer, at_once), in_axes=(0, 0, None, None))
    neighbours = [
        jax.tree.map(lambda leaf, positions=positions: leaf[:, positions], unconstrained)
        for positions in neighbouring_settings(drawer.settings)
    ]
    return jax.vmap(draw_seed, in_axes=(0, 0, 0, None))(unconstrained, neighbours, keys, data)


def _draw_fit(
    drawer: Drawer, at_once: int, unconstrained, neighbours, keys: _Keys, data
) -> _CellDraws:
    """All draws of one fit, `at_once` at a time.

    neighbours: the unconstrained parameters at the next smaller and the next larger step size.
    """
    fit = fitted_guide(drawer.model, drawer.make_guide, data, unconstrained)
    draw_keys = jax.random.split(keys.draws, drawer.num_draws)
    draws = map_draws(partial(_draw_one, drawer.model, fit, data), draw_keys, at_once)
    gain = gain_of_fit(drawer.model, fit, data, keys.gain, drawer.num_draws, at_once)
    vector, unravel = ravel_pytree(unconstrained)
    if _has_scores(fit, vector):
        gradients_of = _Differentiated(drawer.model, fit, data, vector, unravel)
        scores = map_draws(gradients_of.score, draw_keys, at_once)
        others = (ravel_pytree(other)[0] for other in neighbours)
        distances = jnp.stack([estimate_squared_distance(scores, v - vector) for v in others])
        if gain is None:
            gradients = gradients_of.elbo(draw_keys, scores, at_once, drawer.chosen)
            gain = _gain_within(*estimate_elbo_gap(gradients, scores))
    else:
        distances = jnp.full((2, 2), jnp.nan)
    derived = drawer.derive(fit.params) if drawer.derive else {}
    return _CellDraws(fit.params, derived, gain or _gain_within(), distances, *draws)


def gap_of_fit(
    drawer: Drawer, unconstrained: PyTree, key: UInt32[Array, 2], num_draws: int
) -> Float[Array, " 2"]:
    """The optimality gap of one fit and its standard error (nats) from a number of draws; traceable."""
    data = drawer.arrays
    data_size = data.size
    at_once = min(drawer.num_draws, max(1, MAX_DATA_VALUES // max(data_size, 1)))
    fit = fitted_guide(drawer.model, drawer.make_guide, data, unconstrained)
    gain = gain_of_fit(drawer.model, fit, data, key, num_draws, at_once)
    if gain is not None:
        return jnp.stack([gain.within, gain.within_se])
    vector, unravel = ravel_pytree(unconstrained)
    if not _has_scores(fit, vector):
        return jnp.full(2, jnp.nan)
    of = _Differentiated(drawer.model, fit, data, vector, unravel)
    keys = jax.random.split(key, num_draws)
    scores = map_draws(of.score, keys, at_once)
    return estimate_elbo_gap(of.elbo(keys, scores, at_once, drawer.chosen), scores)


def _has_scores(fit: FittedGuide, vector: Float[Array, " parameter"]) -> bool:
    """Whether the guide that is drawn from is the one that was fitted, with few enough parameters."""
    return fit.drawn_as_fitted and vector.size <= MAX_GRADIENT_PARAMETERS


def _gain_within(within=jnp.nan, error=jnp.nan) -> AffineGain:
    """The gain of a guide without a standard Normal base, which is unknown beyond its family."""
    values = (within, error, jnp.nan, jnp.nan, jnp.nan)
    return AffineGain(*(jnp.asarray(value, jnp.float32) for value in values))


def _draw_one(model, fit: FittedGuide, data, key):
    """One draw: (sites, ln p(data, z), deterministic sites, ln q(z))."""
    guide_key, model_key = jax.random.split(key)
    drawn, log_guide = draw_guide(fit.guide, data, fit.guide_params, guide_key)
    return *evaluate_model(model, data, fit.guide_params, drawn, model_key), log_guide


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


@dataclass(frozen=True)
class _Differentiated:
    """Gradients of a draw, made from its key, in the unconstrained parameters; (parameter,) each.

    vector, unravel: the unconstrained parameters as a vector, and the map back.
    """

    model: Callable
    fit: FittedGuide
    data: Mapping[str, Any]
    vector: Float[Array, " parameter"]
    unravel: Callable

    def score(self, key: UInt32[Array, 2]) -> Float[Array, " parameter"]:
        """Of ln q(z) at a fixed z."""
        guide_key, _ = jax.random.split(key)
        drawn, _ = self._draw_guide(self.vector, guide_key)
        return jax.grad(lambda vector: self._draw_guide(vector, guide_key, drawn)[1])(self.vector)

    def elbo(
        self,
        keys: UInt32[Array, "draw 2"],
        scores: Float[Array, "draw parameter"],
        at_once: int,
        chosen: Collection[str],
    ) -> Float[Array, "draw parameter"]:
        """Of the ELBO, estimated from each draw.

        Along the paths of the draws; of parameters that only choose among draws (`chosen`) by the score
        function (Williams 1992), with the mean of the other draws as the baseline.
        """
        log_weight, along_path = map_draws(self.log_weight, keys, at_once)
        if not chosen:
            return along_path
        flags = {
            name: jax.tree.map(
                lambda leaf, name=name: jnp.full(jnp.shape(leaf), name in chosen), leaves
            )
            for name, leaves in self.unravel(self.vector).items()
        }
        known = jnp.where(jnp.isfinite(log_weight), log_weight, jnp.nan)
        count = jnp.isfinite(known).sum()
        centred = (known - jnp.nanmean(known)) * count / (count - 1)
        return jnp.where(ravel_pytree(flags)[0], centred[:, None] * scores, along_path)

    def log_weight(
        self, key: UInt32[Array, 2]
    ) -> tuple[Float[Array, ""], Float[Array, " parameter"]]:
        """ln p(data, z) - ln q(z), and its gradient along the path of the draw.

        Without the score, whose mean is zero (Roeder, Wu, Duvenaud 2017, Sticking the landing).
        """
        guide_key, model_key = jax.random.split(key)
        fixed = jax.lax.stop_gradient(self.vector)

        def log_weight(vector):
            drawn, _ = self._draw_guide(vector, guide_key)
            _, log_guide = self._draw_guide(fixed, guide_key, drawn)
            params = self._constrain(vector)
            evaluated = evaluate_model(self.model, self.data, params, drawn, model_key)
            return evaluated.log_joint - log_guide

        return jax.value_and_grad(log_weight)(self.vector)

    def _constrain(self, vector):
        return self.fit.constrain(self.unravel(vector))

    def _draw_guide(self, vector, key, drawn=None):
        return draw_guide(self.fit.guide, self.data, self._constrain(vector), key, drawn)
