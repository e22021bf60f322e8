"""Medians and shares as text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from svi_atlas.formatting import MISSING, measured, number


def range_over_seeds(values: npt.ArrayLike, digits: int = 2) -> str:
    """Median of the finite values with their 10 % to 90 % range."""
    sample = np.asarray(values, float)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return MISSING
    low, median, high = np.quantile(sample, (0.1, 0.5, 0.9))
    return f"{number(median, digits)} ({number(low, digits)} to {number(high, digits)})"


def share(part: int, whole: int) -> str:
    """A share in percent with its binomial standard error, to the error's first digit."""
    if whole == 0:
        return MISSING
    p = part / whole
    return f"{measured(100 * p, 100 * np.sqrt(p * (1 - p) / whole))} %"
