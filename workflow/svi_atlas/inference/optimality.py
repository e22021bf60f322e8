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
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.parameters import fitted_guide

NUM_DRAWS = (1_000, 16_000)
"""Draws that a gap is estimated from; the larger number where the smaller one leaves it undecided."""

MAX_AT_ONCE = 2**18
"""Draws of all fits together whose gradients are computed at once, for memory's sake."""

ERRORS = 2
"""Standard errors by which a gap must lie on one side of the limit to be decided."""


class Gap(NamedTuple):
    """Optimality gaps of fits.

    value, error: estimate and standard error, nats per parameter of the guide; NaN if unknown.
    num_draws: draws that were spent on it.
    """

    value: Float[np.ndarray, "*fits"]
    error: Float[np.ndarray, "*fits"]
    num_draws: Int[np.ndarray, "*fits"]


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
            np.where(undecided, few + many, few),
        )

    def is_small(self, gap: Gap) -> Bool[np.ndarray, "*fits"]:
        """Which gaps lie below the limit with their error."""
        return gap.value + ERRORS * gap.error <= self.limit

    def is_undecided(self, gap: Gap) -> Bool[np.ndarray, "*fits"]:
        """Which gaps may lie on either side of the limit; one that is unknown does not count."""
        return (gap.value - ERRORS * gap.error <= self.limit) & ~self.is_small(gap)

    def has_arrived(
        self, iterates: PyTree[Float[np.ndarray, "iterate seed setting ..."]]
    ) -> tuple[Bool[np.ndarray, "seed setting"], Int[np.ndarray, "seed setting"]]:
        """Whether any of the iterates of each fit has arrived, and the draws spent to know it."""
        gap = self(iterates)
        return np.any(self.is_small(gap), axis=0), gap.num_draws.sum(0)

    def _estimate(self, iterates: PyTree, num_draws: int) -> Gap:
        arrays = {name: jnp.asarray(value) for name, value in self.data.items()}
        value, error = np.asarray(self._program(iterates, arrays, num_draws))
        return Gap(value, error, np.full(value.shape, num_draws))

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
    """Gap and error of one fit, nats per parameter, (2,)."""
    fit = fitted_guide(check.model, check.make_guide, data, unconstrained)
    key = purpose_key(0, "arrival")
    gain = gain_of_fit(check.model, fit, data, key, num_draws, at_once)
    if gain is None:
        return jnp.full(2, jnp.nan)
    return jnp.stack([gain.within, gain.within_se]) / count_gap_parameters(fit, unconstrained)
