"""Independent draws from a posterior on a grid."""

from __future__ import annotations

import numpy as np

from svi_atlas.references.grid import Grid, Table

NUM_DRAWS = 10_000
"""At least as many draws are made."""

MAX_RATIO_QUANTILE = 0.9999
"""Quantile of the ratio of density to grid weight that counts as its bound in the rejection."""


def draw_from_grid(grid: Grid, table: Table, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws by rejection: a cell by its weight, a point in it, accepted by the density there.

    Parameters
    ----------
    grid : fine enough that the density hardly changes within a cell.
    table : of the grid.
    rng : source of randomness.

    Returns
    -------
    draws : site -> (draw, *site)
    """
    log_weight = table.log_weight.ravel()
    cumulative = np.cumsum(np.exp(log_weight - log_weight.max()))
    kept: list[np.ndarray] = []
    missing = NUM_DRAWS
    while missing > 0:
        uniform = (np.arange(missing) + rng.random(missing)) / missing * cumulative[-1]
        cells = np.searchsorted(cumulative, uniform, side="right")
        cells = np.minimum(cells, len(log_weight) - 1)
        places = np.stack(np.unravel_index(cells, tuple(grid.points)), axis=-1)
        t = grid.low + (places + rng.random(places.shape) - 0.5) * grid.spacing
        proposed = grid.evaluate(t)
        ratio = np.exp(proposed.log_weight - log_weight[cells])
        bound = np.quantile(ratio, MAX_RATIO_QUANTILE)
        accepted = rng.random(len(ratio)) * bound < ratio
        kept.append(proposed.sites[accepted])
        missing -= int(accepted.sum())
    return grid.posterior.split(rng.permutation(np.concatenate(kept)))
