"""1-Wasserstein distance of the marginals of a guide from those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.components import unit_of

LEVELS = (np.arange(1000) + 0.5) / 1000
"""Levels of the quantiles that are compared: in one dimension the 1-Wasserstein distance is the mean
distance of the quantiles."""

NUM_BATCHES = 10
"""Batches of the draws, whose distances vary by their Monte Carlo error."""


def wasserstein(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_draws: Mapping[str, Float[np.ndarray, "reference_draw ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest 1-Wasserstein distance of a component, in posterior standard deviations.

    Draws from the posterior itself are at a distance of about one over the root of their number.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_draws
        Draws from the posterior, by site.
    reference_sd
        Posterior standard deviations, by site.

    Returns
    -------
    wasserstein, wasserstein_se
        Distance and its standard error from batches of the draws of both. NaN or infinite where a
        draw is not finite; the error is NaN also for fewer than NUM_BATCHES draws.
    """
    distance = _distances(draws, reference_draws, reference_sd, slice(None))
    error = np.full_like(distance, np.nan)
    num_draws = [len(values) for values in reference_draws.values()]
    num_draws += [draws[site].shape[1] for site in reference_draws]
    if min(num_draws) >= NUM_BATCHES:
        batches = [
            _distances(draws, reference_draws, reference_sd, slice(first, None, NUM_BATCHES))
            for first in range(NUM_BATCHES)
        ]
        with np.errstate(invalid="ignore"):
            error = np.stack(batches).std(0, ddof=1) / np.sqrt(NUM_BATCHES)
    worst = np.where(np.isnan(distance), np.inf, distance).argmax(1)[:, None]
    return {
        "wasserstein": np.take_along_axis(distance, worst, 1)[:, 0],
        "wasserstein_se": np.take_along_axis(error, worst, 1)[:, 0],
    }


def _distances(
    draws: Mapping[str, np.ndarray],
    reference_draws: Mapping[str, np.ndarray],
    reference_sd: Mapping[str, np.ndarray],
    part: slice,
) -> np.ndarray:
    """Distances (fit, component) by a part of the draws."""
    by_site = []
    for site, reference in reference_draws.items():
        exact = _quantiles(reference[None, part])
        fitted = _quantiles(draws[site][:, part])
        distance = np.abs(fitted - exact).mean(1)
        by_site.append(
            (distance / unit_of(reference, reference_sd[site])).reshape(len(distance), -1)
        )
    return np.concatenate(by_site, axis=1)


def _quantiles(values: np.ndarray) -> np.ndarray:
    """Quantiles of (fit, draw, ...) at LEVELS, (fit, level, ...), as NumPy's but sorting once."""
    ordered = np.sort(values.astype(float), axis=1)
    position = LEVELS * (values.shape[1] - 1)
    below = np.minimum(position.astype(int), values.shape[1] - 2)
    share = (position - below).reshape(-1, *[1] * (values.ndim - 2))
    with np.errstate(invalid="ignore"):
        between = ordered[:, below] * (1 - share) + ordered[:, below + 1] * share
    return np.where(np.isnan(ordered[:, -1:]), np.nan, between)
