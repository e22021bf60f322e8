"""The separate modes of a posterior on a grid, and the share of the posterior that each has."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from svi_atlas.records import Mode
from svi_atlas.references.grid import Grid, Table
from svi_atlas.references.optima import LocalMaximum

BARRIER = 2.0
"""Modes are separate if a path between them must fall this many nats below the lower one."""

MIN_MASS = 1e-3
"""Modes with less of the posterior are not named."""


def separate_modes(
    grid: Grid, table: Table, maxima: list[LocalMaximum], sd: Float[np.ndarray, " component"]
) -> tuple[Mode, ...]:
    """The separate modes, each with the share of the posterior that is nearest to it.

    Parameters
    ----------
    grid, table : a fine grid and what is known on it.
    maxima : the local maxima, the highest first.
    sd : (component,) the unit of distances.

    Returns
    -------
    modes : () if there is only one.
    """
    separate: list[LocalMaximum] = []
    for maximum in maxima:
        if not any(_are_joined(grid, table, maximum, other) for other in separate):
            separate.append(maximum)
    if len(separate) < 2:
        return ()
    centres, masses = _centres_and_masses(grid, separate, sd)
    if (masses < MIN_MASS).any():
        separate = [m for m, mass in zip(separate, masses, strict=True) if mass >= MIN_MASS]
        if len(separate) < 2:
            return ()
        centres, masses = _centres_and_masses(grid, separate, sd)
    sites = grid.posterior.split(centres)
    sites = {name: sites[name] for name in sites if name not in grid.posterior.deterministic}
    return tuple(
        Mode({site: values[index] for site, values in sites.items()}, float(mass))
        for index, mass in enumerate(masses)
    )


def _are_joined(grid: Grid, table: Table, one: LocalMaximum, other: LocalMaximum) -> bool:
    """Whether a path on the grid leads from one to the other without falling deep."""
    level = min(one.height, other.height) - BARRIER
    labels, _ = ndimage.label(table.log_density > level, np.ones([3] * table.log_density.ndim))
    regions = []
    for maximum in (one, other):
        t = grid.stretch(maximum.position[None])[0]
        place = np.rint((t - grid.low) / grid.spacing).astype(int)
        regions.append(labels[tuple(np.clip(place, 0, grid.points - 1))])
    # A mode that falls between the points is too small to be named.
    return bool(0 in regions or regions[0] == regions[1])


def _centres_and_masses(
    grid: Grid, modes: list[LocalMaximum], sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (mode, component) and masses (mode,)."""
    positions = np.array([mode.position for mode in modes])
    centres = grid.posterior.evaluate(positions)[1]
    latent = slice(grid.posterior.num_latent)
    unit = np.where(sd > 0, sd, 1.0)[latent]
    masses = np.zeros(len(modes))
    for chunk in grid.chunks():
        share = np.exp(chunk.log_weight - modes[0].height)
        counts = share > 0
        distance = (chunk.sites[counts, None] - centres)[..., latent] / unit
        masses += np.bincount((distance**2).sum(-1).argmin(-1), share[counts], len(modes))
    return centres, masses / masses.sum()
