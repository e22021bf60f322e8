"""Means of batches of an autocorrelated series, and the standard error they give its mean.

Batch means are nearly independent although their entries are not (Law and Carson 1979, "A sequential
procedure for determining the length of a steady-state simulation").
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def batch_means(
    values: Float[np.ndarray, "fit step"], num_batches: int
) -> Float[np.ndarray, "fit batch"]:
    """Means of consecutive batches of equal length; a remainder at the start is dropped.

    NaN entries are left out. A series shorter than `num_batches` has one batch per entry.
    """
    num_batches = min(num_batches, values.shape[-1])
    length = values.shape[-1] // num_batches
    kept = values[:, values.shape[-1] - num_batches * length :]
    return _nanmean(kept.reshape(len(values), num_batches, length))


def mean_and_error(
    values: Float[np.ndarray, "fit step"], num_batches: int = 20
) -> tuple[Float[np.ndarray, " fit"], Float[np.ndarray, " fit"]]:
    """Mean over the last axis, and its standard error by batch means; NaN entries are left out."""
    batches = batch_means(values, num_batches)
    with np.errstate(invalid="ignore"):
        counted = np.isfinite(batches).sum(-1)
        mean = _nanmean(values)
        sd = np.sqrt(_nanmean((batches - _nanmean(batches)[:, None]) ** 2))
        return mean, np.where(counted > 1, sd / np.sqrt(np.maximum(counted - 1, 1)), np.nan)


def _nanmean(values: np.ndarray) -> np.ndarray:
    """Mean of the non-NaN entries of the last axis, NaN where there are none, without warnings."""
    known = ~np.isnan(values)
    count = known.sum(-1)
    total = np.where(known, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
