"""Which settings of a grid serve each guide best."""

from __future__ import annotations

import numpy as np
import pandas as pd

EQUAL = 1e-3
"""Nats. Smaller differences of median KL divergences decide nothing."""

ROUNDING = 1e-6
"""Nats. A KL divergence this close to zero is zero."""


def grid_fits(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of the grid, without single ones, from a table with one row a fit."""
    return table[table["block"] == "grid"]


def best_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The best (num_particles, step_size) of every model and guide, judged over its seeds.

    table: `fits.parquet`. Best is the largest share of adequate fits, then of converged ones, then
    the smallest median KL divergence, to EQUAL nats, then the fewest particles. Of step sizes that
    still tie (a guide fitted as a point, without noise) it is the middle one. Returns one row a
    (model, guide) with `run`, `num_particles`, `step_size`, `fits` (count), `adequate` and
    `converged` (shares), and medians over the seeds: `kl` (nats), `final_loss` (nats), `mean_error`
    (posterior sds), `sd_ratio`. A guide whose every fit failed has no row.
    """
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    missing = {"final_loss", "kl", "mean_error", "sd_ratio"} - set(grid)
    grid = grid.assign(
        is_adequate=grid["verdict"] == "adequate",
        is_converged=grid["verdict"].isin(["adequate", "inadequate"]),
        **dict.fromkeys(missing),
    )
    keys = ["model", "guide", "label", "num_particles", "step_size"]
    medians = grid.groupby(keys, as_index=False).agg(
        fits=("seed", "size"),
        adequate=("is_adequate", "mean"),
        converged=("is_converged", "mean"),
        kl=("kl", "median"),
        final_loss=("final_loss", "median"),
        mean_error=("mean_error", "median"),
        sd_ratio=("sd_ratio", "median"),
    )
    medians["kl"] = medians["kl"].where(medians["kl"].abs() > ROUNDING, medians["kl"] * 0.0)
    medians["level"] = (medians["kl"].astype(float) / EQUAL).round().fillna(np.inf)
    ranked = medians.sort_values(
        ["adequate", "converged", "level", "num_particles", "step_size"],
        ascending=[False, False, True, True, True],
    )
    groups = ranked.groupby(["model", "guide"], sort=False)
    first = ranked.loc[[_middle_of_best(group) for _, group in groups]].drop(columns="level")
    order = grid[["model", "guide"]].drop_duplicates()
    return order.merge(first, on=["model", "guide"])


def _middle_of_best(ranked: pd.DataFrame) -> int:
    """The index of the middle row of those that tie for the first place."""
    ranking = ranked[["adequate", "converged", "level", "num_particles"]]
    ties = ranked.index[(ranking == ranking.iloc[0]).all(axis=1)]
    return ties[(len(ties) - 1) // 2]
