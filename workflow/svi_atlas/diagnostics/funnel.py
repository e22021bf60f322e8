"""Is the posterior a funnel: does the spread of some components depend on the value of another?

No guide whose shape is the same everywhere can match a funnel, and sampling struggles with it as well
(Neal 2003, "Slice sampling"; Betancourt and Girolami 2015, "Hamiltonian Monte Carlo for hierarchical models").
What helps is another parametrisation of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

MIN_RATIO = 2.5
"""Ratio of spreads above which the posterior is a funnel. That of regression coefficients at a large and a
small residual variance is less, if there are at least five observations more than coefficients."""

MAX_DRAWS, MAX_COMPONENTS = 2_000, 100
"""Draws that are looked at; with more components nothing is computed."""

MAX_FLATNESS = 0.84
"""Mean absolute deviation over the standard deviation: 0.80 of a Normal, less of a mixture of scales, as in a
funnel. Where the wider part of the draws has more it has several modes or a bend, as in a banana."""

MIN_EIGENVALUE = 1e-8
"""Eigenvalue of a correlation matrix below which a direction is fixed by others, as in a simplex."""


class Funnel(NamedTuple):
    """The largest ratio of spreads, and the site with the component that it depends on.

    ratio is NaN, and site "", where nothing is known.
    """

    ratio: float
    site: str


def find_funnel(draws: Mapping[str, Float[np.ndarray, "draw ..."]]) -> Funnel:
    """Compare the spreads of sites where another component is large and where it is small.

    Components that are positive are taken by their logarithm. For each component the draws with its
    upper and with its lower third are compared: the ratio of the standard deviations of every other
    site, and of the rest of its own, in its geometric mean over the directions. The largest ratio is returned, or its
    inverse if that is larger.

    Parameters
    ----------
    draws
        Draws from the posterior by site.
    """
    columns = {site: _by_component(values) for site, values in draws.items()}
    columns = {site: values for site, values in columns.items() if values.shape[1]}
    usable = all(np.isfinite(values).all() for values in columns.values())
    num_components = sum(values.shape[1] for values in columns.values())
    if not (usable and 1 < num_components <= MAX_COMPONENTS):
        return Funnel(np.nan, "")
    spheres = {site: _sphere(values) for site, values in columns.items()}
    found = Funnel(1.0, "")
    for site, values in columns.items():
        for component in values.T:
            parts = _thirds(component)
            for other, sphere in spheres.items():
                within = sphere.T @ (component - component.mean()) if other == site else None
                found = max(found, Funnel(_ratio(sphere, parts, within), site))
    return found


def _by_component(values: np.ndarray) -> Float[np.ndarray, "draw component"]:
    """A thinned sample of the components that vary, the positive ones by their logarithm."""
    every = -(-len(values) // MAX_DRAWS)
    flat = np.asarray(values, float)[::every].reshape(len(values[::every]), -1)
    flat = flat[:, ~(np.ptp(flat, axis=0) == 0)]
    positive = (flat > 0).all(axis=0)
    flat[:, positive] = np.log(flat[:, positive])
    return flat


def _sphere(values: np.ndarray) -> Float[np.ndarray, "draw direction"]:
    """Uncorrelated directions of unit variance that span the components."""
    scaled = (values - values.mean(0)) / values.std(0)
    eigenvalue, vectors = np.linalg.eigh(np.atleast_2d(scaled.T @ scaled) / len(scaled))
    kept = eigenvalue > MIN_EIGENVALUE * eigenvalue[-1]
    return scaled @ vectors[:, kept] / np.sqrt(eigenvalue[kept])


def _thirds(component: np.ndarray) -> tuple[Bool[np.ndarray, " draw"], Bool[np.ndarray, " draw"]]:
    """Which draws have the lower, and which the upper third of the values."""
    rank = component.argsort().argsort()
    return rank < len(rank) // 3, rank >= len(rank) - len(rank) // 3


def _ratio(
    sphere: np.ndarray, parts: tuple[np.ndarray, np.ndarray], without: np.ndarray | None
) -> float:
    """The ratio of the spreads of two parts of the draws, or its inverse if that is larger.

    without: a direction of the sphere that is left out, (direction,).
    """
    num_directions = sphere.shape[1] - (without is not None)
    if not num_directions:
        return 1.0
    log_dets = [_log_det(np.atleast_2d(np.cov(sphere[part].T)), without) for part in parts]
    wider = sphere[parts[int(np.argmax(log_dets))]]
    if not np.isfinite(log_dets).all() or _flatness(wider) > MAX_FLATNESS:
        return 1.0
    return float(np.exp(abs(log_dets[1] - log_dets[0]) / (2 * num_directions)))


def _flatness(values: np.ndarray) -> float:
    """Mean absolute deviation over the standard deviation, in its mean over uncorrelated directions."""
    return float(np.abs(_sphere(values)).mean())


def _log_det(covariance: np.ndarray, without: np.ndarray | None) -> float:
    """Log determinant of a covariance matrix, in all directions but one if that is given."""
    log_det = np.linalg.slogdet(covariance)[1]
    if without is None or not np.isfinite(log_det):
        return float(log_det)
    direction = without / np.linalg.norm(without)
    return float(log_det + np.log(direction @ np.linalg.solve(covariance, direction)))
