"""What several figures read from the results of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.diagnostics.best import grid_fits
from svi_atlas.errors import InputError
from svi_atlas.store import Results


@dataclass(frozen=True)
class Family:
    """A guide on a model, with the cells of the grid that fit it."""

    model: str
    guide: str
    label: str
    runs: dict[int, str]
    """The run of each number of particles."""


def families(table: pd.DataFrame) -> list[Family]:
    """Every guide of the grid in the table's order, named after its model too if there are several."""
    grid = grid_fits(table)
    several = grid["model"].nunique() > 1
    found = []
    for (model, guide), rows in grid.groupby(["model", "guide"], sort=False):
        cells = rows.drop_duplicates("run").sort_values("num_particles")
        label = f"{guide} on {model}" if several else str(guide)
        runs = dict(zip(cells["num_particles"], cells["run"], strict=True))
        found.append(Family(str(model), str(guide), label, runs))
    return found


def named_fit(results: Results, run: str) -> xr.Dataset:
    """The one fit of a named run, without its seed and step size dimensions. Raises InputError."""
    table = results.table()
    row = table[table["run"] == run]
    if row.empty:
        raise InputError(
            f"config/experiments/{results.experiment}.yaml: key 'named': this figure shows the "
            f"named fit {run!r}, which is not there; add it or remove the figure"
        )
    model, guide = row.iloc[0][["model", "guide"]]
    fit = results.fit(model, guide, run)
    return fit if "message" in fit.attrs else fit.isel(seed=0, step_size=0)


def negative_log_evidence(results: Results) -> float:
    """Minus the log evidence (nats), which bounds every loss from below on average; NaN if unknown."""
    return -float(results.reference().attrs.get("log_evidence", np.nan))


def bins(num_steps: int, count: int, logarithmic: bool = False) -> np.ndarray:
    """Edges of at most `count` bins of steps, from 0 to `num_steps`."""
    if logarithmic:
        edges = np.concatenate([[0], np.geomspace(1, num_steps, count)])
    else:
        edges = np.linspace(0, num_steps, count + 1)
    return np.unique(np.round(edges).astype(int))


def binned(values: np.ndarray, edges: np.ndarray, quantiles=(0.5,)) -> np.ndarray:
    """Quantiles of the finite values within bins of the last axis.

    values: (..., step); edges: (bin + 1,). Returns (quantile, ..., bin), NaN where a bin has none.
    """
    kept = np.where(np.isfinite(values), values, np.nan).astype(float)
    parts = []
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        part = kept[..., low:high]
        empty = np.isnan(part).all(-1, keepdims=True)
        found = np.nanquantile(np.where(empty, 0.0, part), quantiles, axis=-1)
        parts.append(np.where(empty[..., 0], np.nan, found))
    return np.stack(parts, axis=-1)


def centres(edges: np.ndarray) -> np.ndarray:
    """Middle step of each bin, counted from 1."""
    return (edges[:-1] + 1 + edges[1:]) / 2
