"""The exact Gaussian chain: its covariance and its draws. Needs NumPy only."""

from __future__ import annotations

import math

import numpy as np

CORRELATION = 0.8
"""Between neighbouring dimensions."""

FIRST_SD, LAST_SD = 0.5, 2.0
"""Standard deviations of the first and of the last dimension; those between are spaced evenly on a
logarithmic scale."""


def standard_deviations(dimensions: int) -> np.ndarray:
    """Standard deviations (dimension,)."""
    return np.geomspace(FIRST_SD, LAST_SD, dimensions)


def covariance(sd: np.ndarray) -> np.ndarray:
    """Covariance (dimension, dimension) of the chain with standard deviations `sd` (dimension,)."""
    index = np.arange(len(sd))
    return CORRELATION ** np.abs(index[:, None] - index) * np.outer(sd, sd)


def draw(sd: np.ndarray, num_draws: int, seed: int) -> np.ndarray:
    """Independent exact draws (draw, dimension) of the chain with standard deviations `sd`."""
    standard = np.random.default_rng(seed).standard_normal((num_draws, len(sd)))
    for index in range(1, len(sd)):
        innovation = math.sqrt(1 - CORRELATION**2) * standard[:, index]
        standard[:, index] = CORRELATION * standard[:, index - 1] + innovation
    return standard * sd
