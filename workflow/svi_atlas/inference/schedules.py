"""Schedules: how the step size falls in the course of a fit.

References
----------
Loshchilov and Hutter (2017), "SGDR: Stochastic gradient descent with warm restarts".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from svi_atlas.records import Problem


class Setting(NamedTuple):
    """A schedule, by name, and its peak step size."""

    schedule: str
    step_size: float


def settings_of(schedules: Iterable[str], step_sizes: Iterable[float]) -> tuple[Setting, ...]:
    """All pairs of schedules and step sizes, the schedules varying slowest."""
    return tuple(Setting(*pair) for pair in product(schedules, step_sizes))


FINAL_FACTOR = 0.001
"""Factor of the peak step size at the end of the schedules that decay."""

WARMUP_SHARE = 0.1
"""Share of the steps in which `warmup_cosine` rises to its peak."""

Schedule = Callable[[Any], Any]
"""Factor of the peak step size as a function of the share of the steps that are done, in [0, 1)."""


def constant(x: Float[Array, ...]) -> Float[Array, ...]:
    """The peak at every step."""
    return jnp.ones_like(x)


def cosine(x: Float[Array, ...]) -> Float[Array, ...]:
    """Half a period of a cosine, from 1 to FINAL_FACTOR."""
    return FINAL_FACTOR + (1 - FINAL_FACTOR) / 2 * (1 + jnp.cos(jnp.pi * x))


def exponential(x: Float[Array, ...]) -> Float[Array, ...]:
    """Exponential decay from 1 to FINAL_FACTOR."""
    return FINAL_FACTOR**x


def warmup_cosine(x: Float[Array, ...]) -> Float[Array, ...]:
    """A linear rise to 1 in the first WARMUP_SHARE of the steps, then `cosine`."""
    after = (x - WARMUP_SHARE) / (1 - WARMUP_SHARE)
    return jnp.where(x < WARMUP_SHARE, x / WARMUP_SHARE, cosine(jnp.maximum(after, 0.0)))


SCHEDULES: Mapping[str, Schedule] = {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "warmup_cosine": warmup_cosine,
}
"""Schedules by name; a problem may have more of its own."""


def schedules_of(problem: Problem) -> dict[str, Schedule]:
    """All schedules that the fits of a problem can have, by name."""
    return {**SCHEDULES, **problem.schedules}


def schedule_factors(schedule: Schedule, num_steps: int) -> Float[np.ndarray, " step"]:
    """Factor of the peak step size at each of `num_steps` steps."""
    x = jnp.arange(num_steps, dtype=jnp.float32) / num_steps
    return np.asarray(jax.jit(jax.vmap(schedule))(x), np.float32)
