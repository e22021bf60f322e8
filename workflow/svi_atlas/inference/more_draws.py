"""More draws where the optimality gap of a fit is too uncertain to be compared with its limit.

Draws are added in rounds until the error decides, but never more than the fit itself has taken of the
model's gradients: to judge a fit costs no more than to make it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from svi_atlas.inference.draws import Drawer, Draws, gap_of_fit
from svi_atlas.inference.keys import purpose_key

LIMIT = 0.0005
"""Nats per parameter: the default limit of the gap. Another limit adds no draws, and refits nothing."""

ROUND = 4
"""Times the usual number of draws that are added at once."""


@dataclass(frozen=True)
class _Estimate:
    """A gap and its standard error, nats, from a number of draws."""

    value: float
    error: float
    num_draws: int

    def joined(self, value: float, error: float, num_draws: int) -> _Estimate:
        """With another estimate from other draws, each weighted by its number of draws."""
        total = self.num_draws + num_draws
        own, others = self.num_draws / total, num_draws / total
        joined_error = float(np.hypot(own * self.error, others * error))
        return _Estimate(own * self.value + others * value, joined_error, total)

    def decides(self, limit: float, num_draws: int) -> bool:
        """Whether it is precise, or certainly above the limit (nats), with the error of so many draws."""
        error = self.error * float(np.sqrt(self.num_draws / num_draws))
        return error <= limit / 2 or self.value - 3 * error > limit


def add_draws(
    drawer: Drawer,
    iterates: PyTree[Float[Array | np.ndarray, "iterate seed setting ..."]],
    draws: Draws,
    budget: Int[np.ndarray, "seed setting"],
) -> Draws:
    """The draws, with the gaps of undecided fits estimated from more of them.

    Parameters
    ----------
    drawer, iterates, draws
        What made the draws, from what, and the draws with their gaps.
    budget
        Gradients that each fit may take of the model in all, for its gap.
    """
    limit = LIMIT * draws.gap_parameters
    value, error = draws.elbo_gap.astype(float), draws.elbo_gap_se.astype(float)
    program, size = _program(drawer), ROUND * drawer.num_draws
    for place in np.argwhere(undecided(value, error, limit)):
        at, (_, seed, setting) = tuple(place), place
        estimate = _Estimate(float(value[at]), float(error[at]), drawer.num_draws)
        rounds = int((budget[seed, setting] - drawer.num_draws) // size)
        if rounds < 1 or not estimate.decides(limit, drawer.num_draws + rounds * size):
            continue
        unconstrained = jax.tree.map(lambda leaf, at=at: jnp.asarray(leaf[at]), iterates)
        key = purpose_key(drawer.seeds[seed], "more draws")
        for index in range(rounds):
            found, found_error = program(unconstrained, jax.random.fold_in(key, index))
            estimate = estimate.joined(float(found), float(found_error), size)
            if estimate.decides(limit, estimate.num_draws):
                break
        value[at], error[at] = estimate.value, estimate.error
    return replace(draws, elbo_gap=value.astype(np.float32), elbo_gap_se=error.astype(np.float32))


def undecided(
    value: Float[np.ndarray, "*fits"], error: Float[np.ndarray, "*fits"], limit: float
) -> Bool[np.ndarray, "*fits"]:
    """Where a gap that is known neither is precise nor lies certainly above its limit, all in nats."""
    with np.errstate(invalid="ignore"):
        certain = (error <= limit / 2) | (value - 3 * error > limit)
    return np.isfinite(value) & np.isfinite(error) & ~certain


def _program(drawer: Drawer) -> Callable:
    """(unconstrained parameters of a fit, key) -> its gap and standard error, (2,)."""
    return jax.jit(partial(gap_of_fit, drawer, num_draws=ROUND * drawer.num_draws))
