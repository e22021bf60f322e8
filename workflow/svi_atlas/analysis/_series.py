"""Series of losses in bins of steps, and their quantiles over seeds."""

from __future__ import annotations

import numpy as np

MIN_BIN_STEPS = 10
"""Steps of the narrowest bin."""


def log_bins(num_steps: int, count: int, first: int = MIN_BIN_STEPS) -> np.ndarray:
    """Edges of at most `count` bins of steps, from 0 to `num_steps`, evenly spaced on a log scale.

    No bin is narrower than `first` steps.
    """
    edges = np.geomspace(min(first, num_steps), num_steps, count).round().astype(int)
    kept = [0]
    for edge in edges[:-1]:
        if edge - kept[-1] >= first and num_steps - edge >= first:
            kept.append(int(edge))
    return np.array([*kept, num_steps])


def even_bins(num_steps: int, count: int) -> np.ndarray:
    """Edges of at most `count` bins of steps of equal width, from 0 to `num_steps`."""
    return np.unique(np.round(np.linspace(0, num_steps, count + 1)).astype(int))


def bin_means(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means of the finite values within bins of the last axis: (..., step) -> (..., bin).

    NaN where a bin has none.
    """
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0.0).astype(float)
    count = np.add.reduceat(finite, edges[:-1], axis=-1, dtype=int)
    total = np.add.reduceat(kept, edges[:-1], axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def centres(edges: np.ndarray) -> np.ndarray:
    """Middle step of each bin, counted from 1."""
    return (edges[:-1] + 1 + edges[1:]) / 2


def quantiles(values: np.ndarray, shares: tuple[float, ...], axis: int = 0) -> np.ndarray:
    """Quantiles of the entries that are not NaN, (share, ...); NaN where there are none."""
    empty = np.isnan(values).all(axis)
    filled = np.where(np.expand_dims(empty, axis), 0.0, values)
    return np.where(empty, np.nan, np.nanquantile(filled, shares, axis=axis))
