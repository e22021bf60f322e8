"""Distances of the fits of a grid from the posterior."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import FAMILY, grid_fits

MIN_DISTANCE = 1e-5
"""Smallest distance from the posterior (nats) that is shown: below it rounding decides."""


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """How far from the posterior each fit of the grid is.

    KL(q||p) of the averaged iterate, or, where the evidence is unknown, the ELBO's distance below the best fit
    of its model. Columns: the setting, `seed`, `verdict`, `message`; `distance` and `distance_se` (nats);
    `measure`, which of the two it is; `resolved`, whether it exceeds its own Monte Carlo error, at
    which it is shown otherwise.
    """
    grid = grid_fits(table)
    distance, error, measure = _distance(grid)
    error = error.clip(lower=MIN_DISTANCE)
    columns = [
        *FAMILY,
        "label",
        "num_particles",
        "step_size",
        "seed",
        "verdict",
        "message",
    ]
    return grid[columns].assign(
        distance=np.maximum(distance, error),
        distance_se=error,
        resolved=distance > error,
        measure=measure,
    )


def _distance(grid: pd.DataFrame) -> tuple[pd.Series, pd.Series, str]:
    if "kl" in grid and grid["kl"].notna().any():
        return grid["kl"], grid["kl_se"], "KL(q||p) (nats)"
    if "elbo" in grid and grid["elbo"].notna().any():
        finite = grid["elbo"].replace([np.inf, -np.inf], np.nan)
        best = finite.groupby(grid["model"]).transform("max")
        return best - finite, grid["elbo_se"], "ELBO below the best fit (nats)"
    unknown = pd.Series(np.nan, index=grid.index)
    return unknown, unknown, "KL(q||p) (nats)"
