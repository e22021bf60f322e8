"""The parts a fit is run in, its snapshots, and how many losses are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

CHUNKS = 20
"""Parts a fit is run in, with a progress line and a chance to save after each."""

MIN_SNAPSHOTS = 20
"""Snapshots that are kept whatever they take, if there are as many steps."""


NUM_ROUNDS = 5
"""Rounds of a fit that stops when it has arrived; it is looked at after each."""


class Part(NamedTuple):
    """Steps that are run at once: `num_snapshots` times `stride` steps."""

    num_snapshots: int
    stride: int

    @property
    def num_steps(self) -> int:
        return self.num_snapshots * self.stride


def plan_parts(
    num_steps: int, num_snapshots: int, parameter_bytes: int, max_stored_bytes: float
) -> list[Part]:
    """Divide the steps of a fit into parts, all alike but for shorter ones where the numbers do not divide.

    Parameters
    ----------
    num_steps
        Steps of the fit.
    num_snapshots
        Snapshots of the parameters asked for.
    parameter_bytes
        Bytes of one snapshot of all fits.
    max_stored_bytes
        Upper limit on the bytes of all snapshots; beyond it fewer are kept.
    """
    affordable = int(max_stored_bytes / max(parameter_bytes, 1))
    min_stride = -(-num_steps // max(MIN_SNAPSHOTS, min(num_snapshots, affordable)))
    dividing = (size for size in range(min_stride, 2 * min_stride) if num_steps % size == 0)
    stride = next(dividing, min_stride)
    strides, remainder = divmod(num_steps, stride)
    per_part = max(1, strides // CHUNKS)
    parts = [Part(per_part, stride)] * (strides // per_part)
    if strides % per_part:
        parts.append(Part(strides % per_part, stride))
    if remainder:
        parts.append(Part(1, remainder))
    return parts


def plan_rounds(
    max_steps: int, num_snapshots: int, parameter_bytes: int, max_stored_bytes: float
) -> list[list[Part]]:
    """Rounds of a fit that stops when it has arrived: each has twice the steps of the one before.

    All parts are alike, so that one compiled program serves rounds of any length.

    Parameters
    ----------
    max_steps
        Most steps of the fit; the rounds together have a few less where the numbers do not divide.
    num_snapshots, parameter_bytes, max_stored_bytes
        See `plan_parts`.
    """
    num_parts = 2**NUM_ROUNDS - 1
    if max_steps < num_parts:
        return [[Part(1, 1)] * max_steps]
    affordable = int(max_stored_bytes / max(parameter_bytes, 1))
    per_part = max(MIN_SNAPSHOTS, min(num_snapshots, affordable) // num_parts)
    stride = max(1, max_steps // num_parts // per_part)
    part = Part(max_steps // num_parts // stride, stride)
    return [[part] * 2**number for number in range(NUM_ROUNDS)]


def snapshot_steps(parts: Sequence[Part]) -> Int[np.ndarray, " snapshot"]:
    """Steps done at each snapshot."""
    return np.cumsum([part.stride for part in parts for _ in range(part.num_snapshots)])


def choose_loss_stride(parts: list[Part], min_stride: float) -> int:
    """Steps that a kept loss is the mean of: at least `min_stride` where the parts can be divided so."""
    common = math.gcd(*(part.stride for part in parts))
    divisors = [size for size in range(1, common + 1) if common % size == 0]
    return next((size for size in divisors if size >= min_stride), common)
