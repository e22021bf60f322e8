"""Fitted guides of the coin: their densities, and the parameters of the guide `beta` by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from svi_atlas.analysis._coin import ONE_PARTICLE, concatenate, optimum, parameters, toss_counts
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.problems.coin import exact
from svi_atlas.results.inputs import Fits, References

FITS = {"beta_paths": {"guide": ["beta"], "label": ["particles-*"]}}
"""Which fits an analysis reads, where it does not read all of them."""

GUIDES = ("beta", "normal", "truncated_normal", "AutoNormal")
"""Guides whose densities are shown, in this order."""

NUM_PATH_POINTS = 100
"""Points of a path of parameters."""

PATH_COLUMNS = (
    "num_particles",
    "step_size",
    "seed",
    "parameter",
    "step",
    "value",
    "exact",
    "message",
)


def densities(table: pd.DataFrame, data: xr.Dataset, reference: References) -> pd.DataFrame:
    """The exact posterior density, the tutorial's, and those of fitted guides.

    Returns
    -------
    One row per curve and point. `curve`: "exact"; "tutorial_posterior", what the tutorial takes for
    the posterior; "guide", the fit with the median KL divergence at the best setting of a guide; or
    "tutorial_fit", the tutorial's fit with one particle. `alpha`, `beta`: the parameters of the first
    two; `guide`, `num_particles`, `step_size`: of the others. `fairness` inside (0, 1), `density`, and
    `difference`, the density minus the exact one.
    """
    heads, tails = toss_counts(data)
    posterior = reference[table["model"].iloc[0]]
    fairness = posterior["grid.latent_fairness"].to_numpy()[1:-1]
    exact_density = posterior["density.latent_fairness"].to_numpy()[1:-1]
    alpha, beta = exact.posterior(heads, tails)
    curves: list[tuple[dict[str, Any], np.ndarray]] = [
        ({"curve": "exact", "alpha": alpha, "beta": beta}, exact_density),
        (
            {"curve": "tutorial_posterior", "alpha": heads, "beta": tails},
            stats.beta.pdf(fairness, heads, tails),
        ),
    ]
    for curve, fit in [*_median_fits(table), *_tutorial_fit(table)]:
        setting = {name: fit[name] for name in ("guide", "num_particles", "step_size")}
        density = exact.guide_density(fit["guide"], parameters(fit), fairness)
        curves.append(({"curve": curve, **setting}, density))
    parts = [
        pd.DataFrame(
            {"fairness": fairness, "density": density, "difference": density - exact_density}
        ).assign(**names)
        for names, density in curves
    ]
    names = ["curve", "alpha", "beta", "guide", "num_particles", "step_size"]
    return concatenate(parts, [*names, "fairness", "density", "difference"])


def _median_fits(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """For each guide the fit of its best setting whose KL divergence is the median over the seeds."""
    settings = {best.guide: best for best in best_settings(table).itertuples()}
    grid = grid_fits(table)
    for best in (settings[guide] for guide in GUIDES if guide in settings):
        fits = grid[
            (grid["guide"] == best.guide)
            & (grid["label"] == best.label)
            & (grid["step_size"] == best.step_size)
        ].sort_values("kl")
        yield "guide", fits.iloc[(len(fits) - 1) // 2]


def _tutorial_fit(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    fits = table[(table["label"] == ONE_PARTICLE) & (table["verdict"] != "failed")]
    for _, fit in fits.head(1).iterrows():
        yield "tutorial_fit", fit


def beta_paths(table: pd.DataFrame, data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Parameters of the guide `beta` by step, with the fewest and with the most particles.

    Returns
    -------
    One row per setting, seed, `parameter` and `step`: its `value`, and the `exact` one. A cell that
    failed has one row per step size and parameter with its `message`.
    """
    parts = []
    for family in families(table):
        if family.guide != "beta":
            continue
        for count in sorted({min(family.labels), max(family.labels)}):
            cell = fits[family.model, family.guide, family.labels[count]]
            for name, value in optimum(data).items():
                path = _paths_of_cell(cell, name)
                parts.append(path.assign(num_particles=count, parameter=name, exact=value))
        break
    return concatenate(parts, PATH_COLUMNS)


def _paths_of_cell(cell: xr.Dataset, parameter: str) -> pd.DataFrame:
    """Thinned paths of a parameter: `step_size`, `seed`, `step`, `value`; `message` of a failure."""
    step_sizes = cell["step_size"].to_numpy()
    if "message" in cell.attrs:
        return pd.DataFrame({"step_size": step_sizes, "message": cell.attrs["message"]})
    every = max(1, cell.sizes["snapshot"] // NUM_PATH_POINTS)
    thinned = cell.isel(snapshot=slice(every - 1, None, every))
    values = thinned[f"path.{parameter}"].transpose("step_size", "seed", "snapshot").to_numpy()
    axes = (step_sizes, thinned["seed"].to_numpy(), thinned["snapshot_step"].to_numpy())
    columns = [axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")]
    columns.append(values.ravel())
    return pd.DataFrame(dict(zip(("step_size", "seed", "step", "value"), columns, strict=True)))
