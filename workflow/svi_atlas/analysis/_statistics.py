"""Statistics that several analyses need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MEDIAN_FACTOR = 1.25
"""Standard error of a median, relative to that of a mean, of a Normal sample: sqrt(pi / 2), rounded."""


def median_standard_error(values: npt.ArrayLike) -> float:
    """Approximate standard error of a sample's median: 1.25 sd / sqrt(n).

    The asymptotic result for a Normal sample (van der Vaart 1998, Asymptotic Statistics, chapter 21).
    Values that are not finite are left out; NaN if none is finite.
    """
    sample = np.asarray(values, float)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return float("nan")
    return float(MEDIAN_FACTOR * sample.std() / np.sqrt(sample.size))
