"""Posteriors of one to three dimensions by the trapezoid rule on an adapted grid."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Reference
from svi_atlas.references.grid import Grid, Integrals
from svi_atlas.references.grid_adaptation import adapt_grid, find_starts, resolve_peaks
from svi_atlas.references.grid_draws import draw_from_grid
from svi_atlas.references.grid_marginals import marginal_densities
from svi_atlas.references.grid_modes import separate_modes
from svi_atlas.references.optima import LocalMaximum, find_maxima

MAX_DIMENSIONS = 3

TOLERANCE = {1: 1e-6, 2: 1e-6, 3: 1e-4}
"""Change of the log evidence (nats) and, 100 times this, of means and sds (sds) at which to stop,
by dimension."""

REFINEMENT = {1: 2.0, 2: 2.0, 3: 1.5}
"""Factor by which each grid is finer than the one before, by dimension."""

MIN_POINTS = {1: 4001, 2: 401, 3: 101}
"""Points along an axis of the grid for draws and modes, by dimension."""


def integrate_posterior(
    posterior: Posterior, key: jax.Array, report: Callable[[str], None]
) -> Reference | str:
    """The reference of a posterior of few dimensions.

    Parameters
    ----------
    posterior : to integrate.
    key : of the random starts and of the draws.
    report : receives lines of progress.

    Returns
    -------
    reference : or the reason, in words, why a grid cannot give it.
    """
    if posterior.dim > MAX_DIMENSIONS:
        return f"it has {posterior.dim} dimensions, more than {MAX_DIMENSIONS}"
    maxima = find_maxima(posterior, find_starts(posterior, key))
    if not maxima:
        return "no start with a finite density was found"
    report(f"found {len(maxima)} optima, the highest with log density {maxima[0].height:.4f}")
    adapted = adapt_grid(posterior, maxima, np.arange(posterior.dim))
    if isinstance(adapted, str):
        return adapted
    refined = _refine(adapted, maxima, report)
    if isinstance(refined, str):
        return refined
    grid, integrals, error = refined
    if not (np.isfinite(integrals.sd).all() and (integrals.sd >= 0).all()):
        return "its standard deviations are not finite"
    fine = grid.with_points(np.maximum(grid.points, MIN_POINTS[posterior.dim]))
    table = fine.tabulate()
    return Reference(
        draws=draw_from_grid(fine, table, np.random.default_rng(np.asarray(key))),
        mean=posterior.split(integrals.mean),
        sd=posterior.split(integrals.sd),
        log_evidence=integrals.log_evidence,
        method=f"quadrature on {_shape(grid)} points, log evidence to {max(error, 1e-12):.0e}",
        density=marginal_densities(grid, maxima),
        modes=separate_modes(fine, table, maxima, integrals.sd),
    )


def _refine(
    grid: Grid, maxima: list[LocalMaximum], report: Callable[[str], None]
) -> tuple[Grid, Integrals, float] | str:
    """The grid at which evidence and moments stand still, its integrals, and the last change.

    Where a kink makes the error fall as the squared spacing only, the extrapolated integrals may
    stand still before.
    """
    dim = len(grid.points)
    grid = resolve_peaks(grid, maxima)
    before: dict[str, Integrals] = {}
    while grid.affordable:
        about = before["plain"].mean if before else None
        now = {"plain": grid.integrate(maxima[0].height, about)}
        report(f"grid of {_shape(grid)} points: log evidence {now['plain'].log_evidence:.8f}")
        if before:
            now["extrapolated"] = now["plain"].extrapolate(before["plain"], REFINEMENT[dim])
        for kind in [kind for kind in now if kind in before]:
            if now[kind].largest_change(before[kind], grid.posterior.num_latent) < TOLERANCE[dim]:
                error = abs(now[kind].log_evidence - before[kind].log_evidence)
                return grid, now[kind], error
        before = now
        grid = grid.with_points(np.ceil((grid.points - 1) * REFINEMENT[dim]) + 1)
    return f"a grid of {grid.size:,} points or more would be needed"


def _shape(grid: Grid) -> str:
    return " x ".join(map(str, grid.points))
