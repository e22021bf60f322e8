"""Distance of the marginals of a guide from those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LEVELS = (np.arange(1000) + 0.5) / 1000
"""Quantiles that are compared: the 1-Wasserstein distance is the mean distance of the quantiles."""

BATCHES = 10
"""Parts of the draws whose distances differ by their Monte Carlo error."""


def wasserstein(
    draws: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    sd: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """The largest 1-Wasserstein distance of a component, in reference standard deviations.

    draws: by site, (fit, draw, *site dims); reference: draws of the posterior, by site, (draw, *site
    dims); sd: the reference's, (*site dims). Returns `wasserstein` and its standard error from
    batches of the draws of both, `wasserstein_se` (fit,), NaN where a draw is not finite; the error also
    where there are fewer draws than BATCHES. Draws from the posterior itself are at a distance of about
    one over the root of their number.
    """

    def distances(part: slice) -> np.ndarray:
        """(fit, component)"""
        of_sites = [
            np.abs(
                _quantiles(values[:, part]) - _quantiles(np.asarray(reference[site])[None, part])
            ).mean(1)
            / sd[site]
            for site, values in draws.items()
        ]
        return np.concatenate([one.reshape(len(one), -1) for one in of_sites], axis=1)

    found = distances(slice(None))
    fewest = min(
        min(values.shape[1], len(np.asarray(reference[site]))) for site, values in draws.items()
    )
    error = np.full_like(found, np.nan)
    if fewest >= BATCHES:
        batches = np.stack([distances(slice(first, None, BATCHES)) for first in range(BATCHES)])
        error = batches.std(0, ddof=1) / np.sqrt(BATCHES)
    worst = np.where(np.isnan(found), np.inf, found).argmax(1)[:, None]
    largest, largest_error = (np.take_along_axis(x, worst, 1)[:, 0] for x in (found, error))
    return {"wasserstein": largest, "wasserstein_se": largest_error}


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Quantiles of (fit, draw, ...) at LEVELS, (fit, level, ...), as NumPy's but sorting once."""
    ordered = np.sort(values.astype(float), axis=1)
    position = LEVELS * (values.shape[1] - 1)
    below = np.minimum(position.astype(int), values.shape[1] - 2)
    share = (position - below).reshape(-1, *[1] * (values.ndim - 2))
    between = ordered[:, below] * (1 - share) + ordered[:, below + 1] * share
    return np.where(np.isnan(ordered[:, -1:]), np.nan, between)
