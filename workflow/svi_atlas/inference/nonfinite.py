"""Losses that are not finite: where they are, and means without them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


class NonFinite(NamedTuple):
    """Number of non-finite losses between snapshots, and the 1-based offset of the first."""

    count: Any
    first: Any

    @classmethod
    def among(cls, losses: Float[Array, "step seed setting"]) -> NonFinite:
        """Those among the losses since the last snapshot, by (seed, setting)."""
        nonfinite = ~jnp.isfinite(losses)
        return cls(nonfinite.sum(0), nonfinite.argmax(0) + 1)

    def first_step(
        self, snapshot_step: Int[np.ndarray, " snapshot"]
    ) -> Float[np.ndarray, "seed setting"]:
        """The first step of the run that has one, NaN if none does; count, first: (..., snapshot)."""
        steps = np.append(0, snapshot_step[:-1]) + self.first
        first = np.where(self.count > 0, steps, np.inf).min(-1)
        return np.where(np.isfinite(first), first, np.nan)


def mean_of_finite(
    losses: Float[Array, "block step seed setting"],
) -> Float[Array, "block seed setting"]:
    """The mean of the finite losses among the steps of each block; NaN where none is finite."""
    finite = jnp.isfinite(losses)
    return jnp.where(finite, losses, 0.0).sum(1) / jnp.where(finite.any(1), finite.sum(1), jnp.nan)
