"""Which setting of a grid or a search is best for each family."""

from __future__ import annotations

import numpy as np
import pandas as pd

FAMILY = ["model", "guide", "schedule", "block"]
"""What the fits of a family have in common: families are compared, settings within them."""

MAX_TIED_KL_NATS = 1e-3
"""Median KL divergences that differ by less than this are equal."""

MAX_ROUNDING_NATS = 1e-6
"""A KL divergence this close to zero is zero."""


def grid_fits(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of a grid or a search, without single ones, from a table with one row per fit."""
    return table[table["block"].isin(["grid", "search"])]


def best_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The best (num_particles, step_size) of every family (see FAMILY), judged over its seeds.

    Best is the largest share of adequate fits, then of converged ones, then the smallest median KL
    divergence, up to MAX_TIED_KL_NATS, then the fewest particles. Of step sizes that still tie (a guide
    fitted as a point, without noise) it is the middle one.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.

    Returns
    -------
    pandas.DataFrame
        One row per family, with `label`, `num_particles`, `step_size`, `fits` (count),
        `adequate` and `converged` (shares), and medians over the seeds: `kl` (nats), `final_loss`
        (nats), `mean_error` (posterior sd), `sd_ratio`. A family whose every fit failed has no row.
    """
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    missing = {"final_loss", "kl", "mean_error", "sd_ratio"} - set(grid)
    grid = grid.assign(
        is_adequate=grid["verdict"] == "adequate",
        is_converged=grid["verdict"].isin(["adequate", "unjudged", "inadequate"]),
        **dict.fromkeys(missing),
    )
    keys = [*FAMILY, "label", "num_particles", "step_size"]
    medians = grid.groupby(keys, as_index=False).agg(
        fits=("seed", "size"),
        adequate=("is_adequate", "mean"),
        converged=("is_converged", "mean"),
        kl=("kl", "median"),
        final_loss=("final_loss", "median"),
        mean_error=("mean_error", "median"),
        sd_ratio=("sd_ratio", "median"),
    )
    rounding = medians["kl"].abs() <= MAX_ROUNDING_NATS
    medians["kl"] = medians["kl"].mask(rounding, medians["kl"] * 0.0)
    medians["level"] = (medians["kl"].astype(float) / MAX_TIED_KL_NATS).round().fillna(np.inf)
    ranked = medians.sort_values(
        ["adequate", "converged", "level", "num_particles", "step_size"],
        ascending=[False, False, True, True, True],
    )
    groups = ranked.groupby(FAMILY, sort=False)
    first = ranked.loc[[_middle_of_best(group) for _, group in groups]].drop(columns="level")
    order = grid[FAMILY].drop_duplicates()
    return order.merge(first, on=FAMILY)


def _middle_of_best(ranked: pd.DataFrame) -> int:
    """The index of the middle row of those that tie for the first place."""
    ranking = ranked[["adequate", "converged", "level", "num_particles"]]
    ties = ranked.index[(ranking == ranking.iloc[0]).all(axis=1)]
    return ties[(len(ties) - 1) // 2]
