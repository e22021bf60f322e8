"""What the other fits of a guide have found: a better optimum, or mass that this fit misses.

A fit that has settled on one of several modes looks converged, and its own weights show nothing, since it
never draws at the others. Another seed may have settled there.

References
----------
Yao, Vehtari, Gelman (2022), "Stacking for non-mixing Bayesian computations".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.special import expit, logsumexp

from svi_atlas.diagnostics.components import flatten

MAX_PLACES = 8
"""Number of fits, far apart, that all are compared with."""

MAX_DRAWS = 500
"""Draws of a fit that are compared."""

MAX_OVERLAP = 0.01
"""Two fits lie apart if this share of their draws, or less, falls on the side of the other."""

MIN_SIGNIFICANCE = 5.0
"""Standard errors by which another ELBO must be higher."""


def other_fits(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    log_weight: Float[np.ndarray, "fit draw"],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Compare each fit of a guide with all others.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    log_weight
        ln p(data, z) - ln q(z) of these draws, nats.

    Returns
    -------
    elbo_deficit
        Best ELBO of any fit minus the own, nats, less MIN_SIGNIFICANCE standard errors; zero if it is not
        certain. NaN for a fit without finite weights.
    mass_elsewhere
        Share of the posterior that lies where another fit draws and this one does not, at least: the
        evidence that its ELBO bounds from below, over the sum of both.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        elbo = log_weight.astype(float).mean(1)
        elbo_se = log_weight.std(1) / np.sqrt(log_weight.shape[1])
    usable = np.isfinite(elbo)
    deficit, elsewhere = np.full(len(elbo), np.nan), np.full(len(elbo), np.nan)
    if not usable.any():
        return {"elbo_deficit": deficit, "mass_elsewhere": elsewhere}
    best = np.where(usable, elbo, -np.inf).argmax()
    certain = elbo[best] - elbo - MIN_SIGNIFICANCE * np.hypot(elbo_se, elbo_se[best])
    deficit[usable] = np.maximum(certain, 0.0)[usable]
    values = np.concatenate(
        [flatten(draws[site])[:, :MAX_DRAWS] for site in sorted(draws)], axis=-1
    )
    usable &= np.isfinite(values).all((1, 2))
    with np.errstate(over="ignore"):
        log_evidence = logsumexp(log_weight.astype(float), axis=1) - np.log(log_weight.shape[1])
    places: list[int] = []
    for fit in np.argsort(-np.where(usable, elbo, -np.inf))[: usable.sum()]:
        if len(places) < MAX_PLACES and all(
            _lie_apart(values[fit], values[place]) for place in places
        ):
            places.append(int(fit))
    for fit in np.flatnonzero(usable):
        others = [place for place in places if _lie_apart(values[fit], values[place])]
        lower = logsumexp(elbo[others]) if others else -np.inf
        elsewhere[fit] = expit(lower - log_evidence[fit])
    return {"elbo_deficit": deficit, "mass_elsewhere": elsewhere}


def _lie_apart(
    one: Float[np.ndarray, "draw component"], other: Float[np.ndarray, "draw component"]
) -> bool:
    """Whether a plane divides two sets of draws, but for a share of MAX_OVERLAP.

    It is found with every other draw and tried on the rest: in many dimensions a plane always divides the
    draws that it was found with.
    """
    found, tried = slice(0, None, 2), slice(1, None, 2)
    variance = one[found].var(0) + other[found].var(0)
    shift = one[found].mean(0) - other[found].mean(0)
    varies = variance > 0
    direction = shift[varies] / variance[varies]
    first, second = one[tried][:, varies] @ direction, other[tried][:, varies] @ direction
    return bool(np.quantile(first, MAX_OVERLAP) > np.quantile(second, 1 - MAX_OVERLAP))
