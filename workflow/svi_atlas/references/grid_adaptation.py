"""A grid that covers a posterior: where it lies, how wide it is, and where nothing is left of it."""

from __future__ import annotations

import math
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage, special

from svi_atlas.inference.posterior import Posterior
from svi_atlas.references.grid import Grid
from svi_atlas.references.optima import LocalMaximum

NEGLIGIBLE = 20.0
"""Nats below the top where the grid may end; second moments are counted in."""

MAX_T = 40.0
"""Largest |t|. A posterior that still counts there has no finite standard deviation."""

SKETCH_POINTS = {1: 2001, 2: 161, 3: 49}
"""Points along an axis of the grid that finds out where the posterior lies, by dimension."""

START_POINTS = {1: 1001, 2: 81, 3: 25}
"""Points along an axis of the wide grid whose local maxima are starts, by dimension."""

NUM_STARTS = 32
"""Starts from the wide grid, and as many dispersed ones."""

MAX_ROUNDS, MAX_BOUND_ROUNDS = 3, 60
"""Rounds of adaptation, and of widening and narrowing in each."""

MIN_MASS_RESOLVED = 1e-6
"""Peaks with less of the posterior need not be resolved."""


def find_starts(posterior: Posterior, key: jax.Array) -> Float[np.ndarray, "start dim"]:
    """Starts for the search of maxima: local maxima of a wide grid, and dispersed points."""
    line = np.sinh(np.linspace(-8.0, 8.0, START_POINTS[posterior.dim])) / 2
    mesh = np.stack(np.meshgrid(*[line] * posterior.dim, indexing="ij"), axis=-1)
    heights, _ = posterior.evaluate(mesh.reshape(-1, posterior.dim))
    heights = np.where(np.isfinite(heights), heights, -np.inf).reshape(mesh.shape[:-1])
    peaks = (heights == ndimage.maximum_filter(heights, size=3)) & np.isfinite(heights)
    highest = np.argsort(-heights[peaks], kind="stable")[:NUM_STARTS]
    return np.concatenate([mesh[peaks][highest], posterior.disperse(key, NUM_STARTS)])


def adapt_grid(
    posterior: Posterior, maxima: list[LocalMaximum], order: Int[np.ndarray, " dim"]
) -> Grid | str:
    """A coarse grid, centred on and scaled to the posterior, that ends where nothing is left.

    Parameters
    ----------
    posterior : of one to three dimensions.
    maxima : its local maxima, the highest first.
    order : (dim,) coordinates in the order of the grid's axes.

    Returns
    -------
    grid : or the reason, in words, why there is none.
    """
    dim = posterior.dim
    positions = np.array([maximum.position for maximum in maxima])[:, order]
    covariances = np.array([maximum.covariance[np.ix_(order, order)] for maximum in maxima])
    masses = special.softmax([maximum.log_mass for maximum in maxima])
    centre = masses @ positions
    offsets = positions - centre
    between = offsets[:, :, None] * offsets[:, None]
    covariance = np.einsum("k,kij->ij", masses, covariances + between)
    grid = Grid(
        posterior=posterior,
        order=order,
        centre=centre,
        scale=np.linalg.cholesky(covariance),
        low=np.full(dim, -4.0),
        high=np.full(dim, 4.0),
        points=np.full(dim, SKETCH_POINTS[dim]),
    )
    for _ in range(MAX_ROUNDS):
        bounded = _bound(grid)
        if isinstance(bounded, str):
            return bounded
        grid = _rescale(bounded)
    return _bound(grid)


def resolve_peaks(grid: Grid, maxima: list[LocalMaximum]) -> Grid:
    """As many points as it takes to see every peak that matters, about one per standard deviation."""
    masses = special.softmax([maximum.log_mass for maximum in maxima])
    spacing = np.full(len(grid.points), np.inf)
    for maximum, mass in zip(maxima, masses, strict=True):
        if mass < MIN_MASS_RESOLVED:
            continue
        t = grid.stretch(maximum.position[None])[0]
        precision = np.linalg.inv(maximum.covariance[np.ix_(grid.order, grid.order)])
        widths = 1 / np.sqrt(np.diag(grid.scale.T @ precision @ grid.scale))
        spacing = np.minimum(spacing, widths / np.cosh(t))
    wanted = np.ceil(np.minimum((grid.high - grid.low) / spacing, 1e6))
    return grid.with_points(2 * np.maximum(wanted // 2 + 1, 8) + 1)


def _bound(grid: Grid) -> Grid | str:
    """The same with ends where density, also times the squared sites, is negligible."""
    for _ in range(MAX_BOUND_ROUNDS):
        profiles = _profiles(grid)
        top = max(profile.max() for profile in profiles)
        if not math.isfinite(top):
            return "the density is zero or undefined all over the grid"
        covered = [np.flatnonzero(profile > top - NEGLIGIBLE) for profile in profiles]
        first = np.array([places[0] for places in covered])
        last = np.array([places[-1] for places in covered])
        open_low, open_high = first == 0, last == grid.points - 1
        endless_low, endless_high = grid.low <= -MAX_T, grid.high >= MAX_T
        if ((endless_low & open_low) | (endless_high & open_high)).any():
            return "its tail is too heavy: it has no finite evidence, mean or standard deviation"
        low = grid.low + (first - 1) * grid.spacing
        high = grid.low + (last + 1) * grid.spacing
        low = np.where(open_low, np.maximum(grid.low - 2.0, -MAX_T), low)
        high = np.where(open_high, np.minimum(grid.high + 2.0, MAX_T), high)
        grid = replace(grid, low=low, high=high)
        if not (open_low | open_high).any():
            return grid
    return "its bounds could not be found"


def _profiles(grid: Grid) -> list[np.ndarray]:
    """Along each axis, the largest log of weight times (1 + squared distance of the sites)."""
    profiles = [np.full(count, -np.inf) for count in grid.points]
    start = 0
    for _, _, log_weight, sites in grid.chunks():
        places = np.unravel_index(np.arange(start, start + len(log_weight)), tuple(grid.points))
        start += len(log_weight)
        with np.errstate(invalid="ignore", over="ignore"):
            moment = np.log1p(np.minimum(np.sum(sites**2, axis=1), 1e300))
        value = np.where(np.isfinite(log_weight), log_weight + np.nan_to_num(moment), -np.inf)
        for profile, place in zip(profiles, places, strict=True):
            np.maximum.at(profile, place, value)
    return profiles


def _rescale(grid: Grid) -> Grid:
    """Centre and scale from the grid's own weights, far points counted less; the ends follow."""
    total, first, second = np.zeros(()), np.zeros(()), np.zeros(())
    top = max(chunk.log_weight.max() for chunk in grid.chunks())
    for t, _, log_weight, _ in grid.chunks():
        whitened = np.sinh(np.clip(t, -20, 20))
        share = np.exp(log_weight - top) / (1 + (whitened**2).sum(axis=1) / 50)
        total = total + share.sum()
        first = first + share @ whitened
        second = second + (whitened * share[:, None]).T @ whitened
    mean = first / total
    covariance = second / total - np.outer(mean, mean) + 1e-6 * np.eye(len(mean))
    inner = np.linalg.cholesky(covariance)
    low, high = np.sinh(grid.low), np.sinh(grid.high)
    corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1)
    t = np.arcsinh(np.linalg.solve(inner, (corners.reshape(-1, len(mean)) - mean).T))
    return replace(
        grid,
        centre=grid.centre + grid.scale @ mean,
        scale=grid.scale @ inner,
        low=np.maximum(t.min(axis=1), -MAX_T),
        high=np.minimum(t.max(axis=1), MAX_T),
    )
