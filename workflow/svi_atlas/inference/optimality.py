"""Has a fit arrived? Its optimality gap, estimated while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PyTree

from svi_atlas.inference.affine_gain import count_gap_parameters, gain_of_fit
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.parameters import fitted_guide

NUM_DRAWS = 1_000
"""Draws that a gap is estimated from."""

ERRORS = 2
"""Standard errors by which a gap must lie below the limit."""


class Gap(NamedTuple):
    """Optimality gaps and their standard errors, nats per parameter of the guide; NaN if unknown."""

    value: Float[np.ndarray, ...]
    error: Float[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class GapCheck:
    """Estimates the optimality gaps of fits that are under way.

    model, make_guide: the model, and a function that makes the guide afresh.
    data: arrays by name.
    limit: a fit has arrived if its gap is below it, nats per parameter.
    num_draws: draws that a gap is estimated from, the same for all fits.
    """

    model: Callable
    make_guide: Callable[[], Callable]
    data: Mapping[str, Any]
    limit: float
    num_draws: int = NUM_DRAWS

    def __call__(self, iterates: PyTree[Float[np.ndarray, "iterate seed setting ..."]]) -> Gap:
        """Gaps (iterate, seed, setting) at unconstrained parameters."""
        arrays = {name: jnp.asarray(value) for name, value in self.data.items()}
        return Gap(*np.asarray(self._program(iterates, arrays)))

    def is_small(self, gap: Gap) -> Bool[np.ndarray, ...]:
        """Which gaps lie below the limit with their error; one that is unknown does not."""
        return gap.value + ERRORS * gap.error <= self.limit

    def has_arrived(
        self, iterates: PyTree[Float[np.ndarray, "iterate seed setting ..."]]
    ) -> Bool[np.ndarray, "seed setting"]:
        """Whether any of the iterates of each fit has arrived."""
        return self.is_small(self(iterates)).any(0)

    @cached_property
    def _program(self) -> Callable:
        of_setting = jax.vmap(partial(_gap_of_fit, self), in_axes=(0, None))
        return jax.jit(
            lambda iterates, data: jnp.moveaxis(
                jax.vmap(jax.vmap(of_setting, (0, None)), (0, None))(iterates, data), -1, 0
            )
        )


def _gap_of_fit(check: GapCheck, unconstrained, data) -> Float[jax.Array, 2]:
    """Gap and error of one fit, nats per parameter."""
    fit = fitted_guide(check.model, check.make_guide, data, unconstrained)
    gain = gain_of_fit(check.model, fit, data, purpose_key(0, "arrival"), check.num_draws)
    if gain is None:
        return jnp.full(2, jnp.nan)
    return jnp.stack([gain.within, gain.within_se]) / count_gap_parameters(fit, unconstrained)
