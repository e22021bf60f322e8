"""The weight of the modes, which has no gradient to follow."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.bimodal._selection import WEIGHTED_GUIDE, misses_a_mode, successful_grid
from svi_atlas.formatting import count_of, mean_se, number
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import Fits

FITS = {"weight_paths": {"guide": ["weighted_normal_mixture"], "label": ["particles-*"]}}
"""Which fits an analysis reads."""

NUM_POINTS = 200
"""Snapshots of a path that are shown."""

SMALLEST_WEIGHT = 1e-12
"""Nearer to 0 or 1 the weight is rounded."""


def weight_paths(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """The weight at each step, of the cell with most particles.

    Columns: `num_particles`, `step_size`, `seed`, `step`, `weight`; `message` of a cell that failed, which
    has one row. Empty if the guide was not fitted.
    """
    rows = grid_fits(table)
    rows = rows[rows["guide"] == WEIGHTED_GUIDE]
    if rows.empty:
        return pd.DataFrame()
    row = rows.sort_values("num_particles").iloc[-1]
    cell = fits[row["model"], WEIGHTED_GUIDE, row["label"]]
    constant = {"num_particles": int(row["num_particles"])}
    if "message" in cell.attrs:
        return pd.DataFrame({"message": [cell.attrs["message"]]}).assign(**constant)
    every = max(1, cell.sizes["snapshot"] // NUM_POINTS)
    thinned = cell[["path.weight", "snapshot_step"]].isel(snapshot=slice(every - 1, None, every))
    paths = thinned["path.weight"].rename("weight").transpose("step_size", "seed", "snapshot")
    frame = paths.to_dataframe().reset_index().rename(columns={"snapshot_step": "step"})
    return frame[["step_size", "seed", "step", "weight"]].assign(message=None, **constant)


def weights(table: pd.DataFrame) -> pd.DataFrame:
    """The weight at the end, by setting: over the seeds, and what it costs."""
    grid = successful_grid(table)
    fits = grid[grid["guide"] == WEIGHTED_GUIDE]
    labels = {
        "num_particles": "particles",
        "step_size": "step size",
        "mean": "weight, mean over seeds",
        "sd": "sd over seeds",
        "range": "range",
        "cost": "cost in nats, median",
        "missed": "fits that miss a mode",
    }
    rows = [_outcomes(cell) for _, cell in fits.groupby(["num_particles", "step_size"])]
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _outcomes(fits: pd.DataFrame) -> dict:
    weight = fits["param_last.weight"].astype(float).clip(SMALLEST_WEIGHT, 1 - SMALLEST_WEIGHT)
    return {
        "num_particles": fits["num_particles"].iloc[0],
        "step_size": fits["step_size"].iloc[0],
        "mean": mean_se(weight),
        "sd": weight.std(),
        "range": f"{number(weight.min(), 2)} to {number(weight.max(), 2)}",
        "cost": exact.kl_of_weight(weight).median(),
        "missed": count_of(misses_a_mode(fits).sum(), len(fits)),
    }
