"""Errors of the 5 and 95 % quantiles, which exist where moments may not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.components import flatten, largest_error, varying

PROBABILITIES = (0.05, 0.95)

CENTRAL = (0.1586552539, 0.8413447461)
"""Half the distance of these quantiles is the standard deviation of a Normal."""


def quantiles(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_draws: Mapping[str, Float[np.ndarray, "reference_draw ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of a 5 or 95 % quantile over all components of all sites.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_draws
        Draws from the posterior, by site, independent or nearly so.

    Returns
    -------
    quantile_error, quantile_error_se
        Largest |quantile - posterior quantile|, in units of half the distance between the posterior's
        15.9 and 84.1 % quantiles (a standard deviation, for a Normal), and its Monte Carlo standard
        error, that of the reference's draws included.
    quantile_error_low, quantile_error_noise
        See `components.largest_error`.
    """
    sites = sorted(reference_draws)
    reference = np.sort(
        np.concatenate([flatten(reference_draws[site][None]) for site in sites], -1).astype(float),
        axis=1,
    )
    varies = varying(reference.mean((0, 1)), reference.std((0, 1)))
    reference = reference[..., varies]
    values = np.sort(
        np.concatenate([flatten(draws[site]) for site in sites], -1)[..., varies].astype(float),
        axis=1,
    )
    low, high = (_at(reference, probability) for probability in CENTRAL)
    unit = (high - low) / 2
    errors, standard_errors = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for probability in PROBABILITIES:
            errors.append(np.abs(_at(values, probability) - _at(reference, probability)) / unit)
            noise = np.hypot(_error_at(values, probability), _error_at(reference, probability))
            standard_errors.append(noise / unit)
    largest = largest_error(np.concatenate(errors, -1), np.concatenate(standard_errors, -1))
    return {
        "quantile_error": largest.value,
        "quantile_error_se": largest.error,
        "quantile_error_low": largest.low,
        "quantile_error_noise": largest.noise,
    }


def _at(
    ordered: Float[np.ndarray, "fit draw component"], probability: float
) -> Float[np.ndarray, "fit component"]:
    """A quantile of sorted draws."""
    place = probability * (ordered.shape[1] - 1)
    below = int(place)
    above = min(below + 1, ordered.shape[1] - 1)
    value: np.ndarray = ordered[:, below] + (place - below) * (
        ordered[:, above] - ordered[:, below]
    )
    return value


def _error_at(
    ordered: Float[np.ndarray, "fit draw component"], probability: float
) -> Float[np.ndarray, "fit component"]:
    """Standard error of a quantile, from the quantiles two standard errors of its rank away."""
    width = 2 * np.sqrt(probability * (1 - probability) / ordered.shape[1])
    low, high = max(probability - width, 0.0), min(probability + width, 1.0)
    difference: np.ndarray = (_at(ordered, high) - _at(ordered, low)) / 4
    return difference
