"""Has a fit arrived? Its optimality gap, estimated while it is under way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from svi_atlas.inference.affine_gain import count_gap_parameters, gain_of_fit
from svi_atlas.inference.data import as_arrays
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.parameters import fitted_guide
from svi_atlas.inference.standard_base import guide_kind

NUM_DRAWS = (1_000, 16_000)
"""Draws that a gap is estimated from; the larger number where the smaller one leaves it undecided."""

MAX_AT_ONCE = 2**18
"""Draws of all fits together whose gradients are computed at once, for memory's sake."""

ERRORS = 2
"""Standard errors by which a gap must lie on one side of the limit to be decided."""


class Gap(NamedTuple):
    """Optimality gaps of fits.

    value, error: estimate and standard error, nats per parameter of the guide; NaN if unknown.
    elbo: of flows, nats per parameter, always from the same random numbers; NaN for other guides. What an
        affine change gains is not all that a flow may gain: it has arrived only once its ELBO rises no
        more.
    num_draws: draws that were spent.
    """

    value: Float[np.ndarray, "*fits"]
    error: Float[np.ndarray, "*fits"]
    elbo: Float[np.ndarray, "*fits"]
    num_draws: Int[np.ndarray, "*fits"]


class Look(NamedTuple):
    """What a look at fits under way tells; arrays (seed, setting).

    stopped: which of them stop; elbo: to be compared with at the next look (see `Gap`); num_draws:
    draws that were spent.
    """

    stopped: Bool[np.ndarray, "seed setting"]
    elbo: Float[np.ndarray, "seed setting"]
    num_draws: Int[np.ndarray, "seed setting"]


@dataclass(frozen=True, eq=False)
class GapCheck:
    """Estimates the optimality gaps of fits that are under way.

    model, make_guide: the model, and a function that makes the guide afresh.
    data: arrays by name.
    limit: a fit has arrived if its gap is below it, nats per parameter.
    """

    model: Callable
    make_guide: Callable[[], Callable]
    data: Mapping[str, Any]
    limit: float

    def __call__(self, iterates: PyTree[Float[np.ndarray, "iterate seed setting ..."]]) -> Gap:
        """Gaps (iterate, seed, setting) at unconstrained parameters."""
        few, many = NUM_DRAWS
        gap = self._estimate(iterates, few)
        undecided = self.is_undecided(gap)
        if not undecided.any():
            return gap
        better = self._estimate(iterates, many)
        return Gap(
            np.where(undecided, better.value, gap.value),
            np.where(undecided, better.error, gap.error),
            gap.elbo,
            np.where(undecided, few + many, few),
        )

    def is_small(self, gap: Gap) -> Bool[np.ndarray, "*fits"]:
        """Which gaps lie below the limit with their error."""
        return gap.value + ERRORS * gap.error <= self.limit

    def is_undecided(self, gap: Gap) -> Bool[np.ndarray, "*fits"]:
        """Which gaps may lie on either side of the limit; one that is unknown does not count."""
        return (gap.value - ERRORS * gap.error <= self.limit) & ~self.is_small(gap)

    def is_hopeless(self, gap: Gap) -> Bool[np.ndarray, "*fits"]:
        """Which gaps are so uncertain that more steps would not help to tell."""
        return self.is_undecided(gap) & (gap.error > self.limit / 2)

    def is_rising(
        self, gap: Gap, earlier: Float[np.ndarray, "*earlier"]
    ) -> Bool[np.ndarray, "*fits"]:
        """Which flows have gained more ELBO than the limit since it was `earlier` (NaN: not known)."""
        return np.isfinite(gap.elbo) & ~(gap.elbo - earlier <= self.limit)

    def look(
        self,
        iterates: PyTree[Float[np.ndarray, "iterate seed setting ..."]],
        earlier: Float[np.ndarray, "seed setting"],
    ) -> Look:
        """Whether any of the iterates of each fit has arrived.

        earlier: ELBO of the last look, NaN at the first.
        """
        gap = self(iterates)
        arrived = np.any(self.is_small(gap) & ~self.is_rising(gap, earlier), axis=0)
        return Look(arrived, gap.elbo[0], gap.num_draws.sum(0))

    def _estimate(self, iterates: PyTree, num_draws: int) -> Gap:
        arrays = as_arrays(self.data)
        value, error, elbo = np.asarray(self._program(iterates, arrays, num_draws))
        return Gap(value, error, elbo, np.full(value.shape, num_draws))

    @cached_property
    def _program(self) -> Callable:
        def estimate(iterates, data, num_draws):
            num_fits = math.prod(jax.tree.leaves(iterates)[0].shape[:3])
            at_once = max(1, min(num_draws, MAX_AT_ONCE // num_fits))
            gap = partial(_gap_of_fit, self, num_draws, at_once)
            for _ in range(3):  # over iterates, seeds and settings
                gap = jax.vmap(gap, in_axes=(0, None))
            return jnp.moveaxis(gap(iterates, data), -1, 0)

        return jax.jit(estimate, static_argnums=2)


def _gap_of_fit(check: GapCheck, num_draws: int, at_once: int, unconstrained, data):
    """Gap and error of one fit, and the ELBO of a flow, nats per parameter, (3,)."""
    fit = fitted_guide(check.model, check.make_guide, data, unconstrained)
    key = purpose_key(0, "arrival")
    gain = gain_of_fit(check.model, fit, data, key, num_draws, at_once)
    if gain is None:
        return jnp.full(3, jnp.nan)
    assert gain.elbo is not None
    elbo = jnp.where(guide_kind(fit.guide) == "flow", gain.elbo, jnp.nan)
    values = jnp.stack([gain.within, gain.within_se, elbo])
    return values / count_gap_parameters(fit, unconstrained)
