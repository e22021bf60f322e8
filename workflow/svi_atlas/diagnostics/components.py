"""Scalar components of the latent sites, and the largest of their errors.

The largest of many noisy errors is large even where no error is. Each comparison therefore comes with
the largest error that is certain, and with what noise alone may make of it, at a level that holds for all
components together (Bonferroni).
"""

from __future__ import annotations

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
