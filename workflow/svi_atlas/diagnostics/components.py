"""Scalar components of the latent sites, and the largest of their errors.

The largest of many noisy errors is large even where no error is. Each comparison therefore comes with
the largest error that is certain, and with what noise alone may make of it, at a level that holds for all
components together (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtri

LEVEL = 0.05
"""Probability that noise alone makes an error of any component certain."""

ROUNDING = 1e-12
"""A component whose sd is a smaller share of its mean is a constant: equal numbers have an sd of rounding."""


class Largest(NamedTuple):
    """The largest error of a component of each fit.

    Attributes
    ----------
    value, error
        The largest error, (fit,), and its standard error.
    low
        The largest error that is certain: the largest lower confidence limit. Zero or less if there is
        none.
    noise
        What noise alone may make of an error: the largest half-width of a confidence interval.
    """

    value: Float[np.ndarray, " fit"]
    error: Float[np.ndarray, " fit"]
    low: Float[np.ndarray, " fit"]
    noise: Float[np.ndarray, " fit"]


def varying(
    mean: Float[np.ndarray, "*shape"], sd: Float[np.ndarray, "*shape"]
) -> Bool[np.ndarray, " component"]:
    """Which components of a site can vary; an sd that is not a number counts as one that can."""
    return ~(np.ravel(sd) <= ROUNDING * np.abs(np.ravel(mean)))


def unit_of(
    places: Float[np.ndarray, "place ..."], sd: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The sd of each component of a site, infinite for constants: nothing is far in their direction.

    places: draws from the posterior, or centres of its modes.
    """
    largest = np.asarray(np.abs(places).max(0), float)
    varies = varying(largest, sd).reshape(np.shape(sd))
    return np.where(varies, sd, np.inf)


NUM_DIRECTIONS = 50
"""Linear combinations of the components that are compared."""


def directions(num_components: int) -> Float[np.ndarray, "component direction"]:
    """Weights of random linear combinations, always the same; none of fewer than two components."""
    if num_components < 2:
        return np.zeros((num_components, 0))
    weights = np.random.default_rng(0).standard_normal((num_components, NUM_DIRECTIONS))
    scaled: np.ndarray = weights / np.linalg.norm(weights, axis=0)
    return scaled


def with_moments(
    mean: Mapping[str, Float[np.ndarray, " ..."]],
    sd: Mapping[str, Float[np.ndarray, " ..."]],
    sites: Sequence[str],
) -> Bool[np.ndarray, " component"]:
    """Which components of the sites vary and have a finite standard deviation."""
    kept = [varying(mean[site], sd[site]) & np.isfinite(np.ravel(sd[site])) for site in sites]
    return np.concatenate(kept)


def all_unknown(sd: Mapping[str, Float[np.ndarray, " ..."]]) -> bool:
    """Whether no standard deviation is known at all, so that no error is either."""
    return all(np.isnan(values).all() for values in sd.values())


def standardise(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    mean: Mapping[str, Float[np.ndarray, " ..."]],
    sd: Mapping[str, Float[np.ndarray, " ..."]],
    sites: Sequence[str],
) -> Float[np.ndarray, "fit draw component"]:
    """Draws of the sites in units of the reference."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = [flatten((draws[site].astype(float) - mean[site]) / sd[site]) for site in sites]
    return np.concatenate(scaled, axis=-1)


def relative_to_sd(
    errors: Mapping[str, Float[np.ndarray, " ..."]],
    sd: Mapping[str, Float[np.ndarray, " ..."]],
    sites: Sequence[str],
) -> Float[np.ndarray, " component"]:
    """Standard errors of a reference in posterior standard deviations; zero where it is exact."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = [
            np.ravel(np.broadcast_to(errors.get(site, 0.0), np.shape(sd[site])) / sd[site])
            for site in sites
        ]
    return np.concatenate(relative)


def sd_error(
    standardised: Float[np.ndarray, "fit draw component"],
) -> Float[np.ndarray, "fit component"]:
    """Standard error of the standard deviations, from the kurtosis of the draws."""
    centred = standardised - standardised.mean(1, keepdims=True)
    variance = (centred**2).mean(1)
    kurtosis = (centred**4).mean(1) / variance**2
    error: np.ndarray = np.sqrt(
        variance * np.maximum(kurtosis - 1, 0) / (4 * standardised.shape[1])
    )
    return error


def flatten(values: Float[np.ndarray, "fit draw ..."]) -> Float[np.ndarray, "fit draw component"]:
    """The components of a site along one axis."""
    return values.reshape(*values.shape[:2], -1)


def largest_error(
    errors: Float[np.ndarray, "fit component"], standard_errors: Float[np.ndarray, "fit component"]
) -> Largest:
    """The largest of several absolute errors, with what is certain of it."""
    if not errors.shape[1]:
        zero = np.zeros(len(errors))
        return Largest(zero, zero, zero, zero)
    widths = -ndtri(LEVEL / 2 / errors.shape[1]) * standard_errors
    worst = errors.argmax(-1)
    fit = np.arange(len(errors))
    return Largest(
        errors[fit, worst],
        standard_errors[fit, worst],
        (errors - widths).max(-1),
        widths.max(-1),
    )
