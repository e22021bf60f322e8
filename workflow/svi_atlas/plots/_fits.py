"""What several figures read from the results of an experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.results.store import Results

FIRST_BIN = 10
"""Steps of the narrowest bin."""


SMALLEST_DISTANCE = 1e-5
"""Nats. A smaller distance is drawn here: below it rounding decides."""

POINT_GUIDES = ("AutoLaplaceApproximation",)
"""Guides fitted as a point: their loss has no noise and is no ELBO of the guide drawn from."""


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
        cells = rows.drop_duplicates("label").sort_values("num_particles")
        label = f"{guide}\non {model}" if several else str(guide)
        runs = dict(zip(cells["num_particles"], cells["label"], strict=True))
        found.append(Family(str(model), str(guide), label, runs))
    return found


def distance(table: pd.DataFrame) -> tuple[pd.Series, pd.Series, str]:
    """How far from the posterior each fit of the table is (nats), its standard error, and its name.

    KL(q||p), or where the evidence is unknown the ELBO's distance below the model's best fit.
    """
    if "kl" in table and table["kl"].notna().any():
        return table["kl"], table["kl_se"], "KL(q||p) (nats)"
    if "elbo" in table and table["elbo"].notna().any():
        finite = table["elbo"].replace([np.inf, -np.inf], np.nan)
        best = finite.groupby(table["model"]).transform("max")
        return best - finite, table["elbo_se"], "ELBO below the best fit (nats)"
    nothing = pd.Series(np.nan, index=table.index)
    return nothing, nothing, "KL(q||p) (nats)"


def named_fit(results: Results, run: str) -> xr.Dataset:
    """The one fit of a named run, without its seed and step size dimensions. Raises InputError."""
    table = results.table()
    row = table[table["label"] == run]
    if row.empty:
        raise InputError(
            f"config/experiments/{results.experiment}.yaml: key 'named': this figure shows the "
            f"named fit {run!r}, which is not there; add it or remove the figure"
        )
    model, guide = row.iloc[0][["model", "guide"]]
    fit = results.fit(model, guide, run)
    return fit if "message" in fit.attrs else fit.isel(seed=0, step_size=0)


def negative_log_evidence(results: Results, model: str | None = None) -> float:
    """Minus the log evidence (nats), a bound from below on every mean loss; NaN if unknown."""
    return -float(results.reference(model).attrs.get("log_evidence", np.nan))


def log_bins(num_steps: int, count: int, first: int = FIRST_BIN) -> np.ndarray:
    """Edges of at most `count` bins of steps, from 0 to `num_steps`: even on a log scale later.

    None is narrower than `first` steps.
    """
    edges = np.geomspace(min(first, num_steps), num_steps, count).round().astype(int)
    kept = [0]
    for edge in edges[:-1]:
        if edge - kept[-1] >= first and num_steps - edge >= first:
            kept.append(int(edge))
    return np.array([*kept, num_steps])


def even_bins(num_steps: int, count: int) -> np.ndarray:
    """Edges of at most `count` bins of steps of one width, from 0 to `num_steps`."""
    return np.unique(np.round(np.linspace(0, num_steps, count + 1)).astype(int))


def bin_means(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means of the finite values within bins of the last axis: (..., step) -> (..., bin).

    NaN where a bin has none.
    """
    finite = np.isfinite(values)
    kept = np.where(finite, values, 0.0).astype(float)
    count = np.add.reduceat(finite, edges[:-1], axis=-1, dtype=int)
    total = np.add.reduceat(kept, edges[:-1], axis=-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def quantiles(values: np.ndarray, shares: tuple[float, ...], axis: int = 0) -> np.ndarray:
    """Quantiles of the entries that are not NaN, (share, ...); NaN where there are none."""
    empty = np.isnan(values).all(axis)
    filled = np.where(np.expand_dims(empty, axis), 0.0, values)
    return np.where(empty, np.nan, np.nanquantile(filled, shares, axis=axis))


def centres(edges: np.ndarray) -> np.ndarray:
    """Middle step of each bin, counted from 1."""
    return (edges[:-1] + 1 + edges[1:]) / 2
