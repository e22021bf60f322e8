"""Marginal densities of scalar sites by sums over the other axes of a grid."""

from __future__ import annotations

import numpy as np
from scipy import interpolate

from svi_atlas.references.grid import Grid
from svi_atlas.references.grid_adaptation import adapt_grid
from svi_atlas.references.optima import LocalMaximum

MIN_POINTS, MIN_OTHER_POINTS = 401, 33
"""Points of a marginal density, and along each of the axes that are summed over."""

MIN_RELATIVE_DENSITY = 1e-9
"""Points with less of the largest density are left out."""


def marginal_densities(
    grid: Grid, maxima: list[LocalMaximum]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Marginal density of each scalar site that one coordinate alone decides.

    Parameters
    ----------
    grid : at which the integrals stand still.
    maxima : the local maxima, the highest first.

    Returns
    -------
    densities : site -> (values (point,), ascending, and density (point,)).
    """
    posterior, densities = grid.posterior, {}
    for site, coordinate in posterior.coordinates.items():
        order = np.roll(np.arange(posterior.dim), -coordinate)
        own = adapt_grid(posterior, maxima, order) if coordinate else grid
        if isinstance(own, str):
            continue
        points = np.maximum(grid.points[order], MIN_OTHER_POINTS)
        points[0] = max(points[0], MIN_POINTS)
        own = own.with_points(points)
        if not own.affordable:
            continue
        curve = _sum_over_other_axes(own, posterior.offset(site), maxima[0].height)
        if curve is not None:
            densities[site] = curve
    return densities


def _sum_over_other_axes(
    grid: Grid, component: int, top: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """A site's values along the first axis and its density, None if other axes matter to it."""
    count = grid.points[0]
    mass, smallest, largest = np.zeros(count), np.full(count, np.inf), np.full(count, -np.inf)
    start = 0
    for _, _, log_weight, sites in grid.chunks():
        place = np.arange(start, start + len(log_weight)) // (grid.size // count)
        start += len(log_weight)
        np.add.at(mass, place, np.exp(log_weight - top))
        np.minimum.at(smallest, place, sites[:, component])
        np.maximum.at(largest, place, sites[:, component])
    kept = (mass > MIN_RELATIVE_DENSITY * mass.max()) & np.isfinite(largest)
    value, axis = largest[kept], grid.axis(0)[kept]
    if kept.sum() < 5 or (largest - smallest)[kept].max() > 1e-9 * np.ptp(value):
        return None
    slope = np.abs(interpolate.CubicSpline(axis, value).derivative()(axis))
    density = mass[kept] / mass.sum() / np.maximum(slope * grid.spacing[0], 1e-300)
    ascending = np.argsort(value)
    return value[ascending], density[ascending]
