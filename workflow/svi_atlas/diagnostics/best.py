"""Which settings of a grid serve each guide best."""

from __future__ import annotations

import pandas as pd

GRID = "particles-"
"""The run of a cell of the grid starts with this; other runs are named fits."""


def grid_fits(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of the grid, without named ones, from a table with one row a fit."""
    return table[table["run"].str.startswith(GRID)]


def best_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The best (num_particles, step_size) of every model and guide, judged over its seeds.

    table: `fits.parquet`. Best is the largest share of adequate fits, then the smallest median KL
    divergence, then the smallest median loss. Returns one row a (model, guide) with `run`,
    `num_particles`, `step_size`, `fits` (count), `adequate` (share), and medians over the seeds:
    `kl` (nats), `loss_tail` (nats), `mean_error` (posterior sds), `sd_ratio`. A guide whose every
    fit failed has no row.
    """
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    missing = {"loss_tail", "kl", "mean_error", "sd_ratio"} - set(grid)
    grid = grid.assign(is_adequate=grid["verdict"] == "adequate", **dict.fromkeys(missing))
    keys = ["model", "guide", "run", "num_particles", "step_size"]
    medians = grid.groupby(keys, as_index=False).agg(
        fits=("seed", "size"),
        adequate=("is_adequate", "mean"),
        kl=("kl", "median"),
        loss_tail=("loss_tail", "median"),
        mean_error=("mean_error", "median"),
        sd_ratio=("sd_ratio", "median"),
    )
    ranked = medians.sort_values(
        ["adequate", "kl", "loss_tail"], ascending=[False, True, True], kind="stable"
    )
    first = ranked.drop_duplicates(["model", "guide"])
    order = grid[["model", "guide"]].drop_duplicates()
    return order.merge(first, on=["model", "guide"])
