"""Tables behind the figures of any experiment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._series import bin_means, centres, log_bins, quantiles
from svi_atlas.analysis._tables import negative_log_evidence
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.results.inputs import Fits, References
from svi_atlas.sbc.uniformity import histogram

FITS = {"losses": {"label": ["particles-*"]}}
"""Which fits an analysis reads, where it does not read all of them."""

NUM_LOSS_BINS = 60

NUM_SBC_BARS = 20

MIN_DISTANCE = 1e-5
"""Smallest distance from the posterior (nats) that is shown: below it rounding decides."""


def losses(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Losses along the steps: median and 10 % to 90 % range over the seeds, within bins of steps.

    One row per cell of the grid, step size and bin: `step` (middle of the bin), `low`, `median`, `high`
    (nats); `floor`, minus the log evidence, NaN if it is unknown or no bound (a guide fitted as a point
    has a loss without entropy); `message` of a cell that failed, which has one row.
    """
    parts = []
    for family in families(table):
        point = guide_traits(family.guide).point
        floor = np.nan if point else negative_log_evidence(reference, family.model)
        for num_particles, label in family.labels.items():
            cell = _losses_of_cell(fits[family.model, family.guide, label])
            parts.append(
                cell.assign(
                    model=family.model,
                    guide=family.guide,
                    family=family.name,
                    num_particles=num_particles,
                    floor=floor,
                )
            )
    losses = pd.concat(parts, ignore_index=True)
    numbers = ["step_size", "low", "median", "high"]  # a run in which every fit failed has none
    return losses.reindex(columns=list(dict.fromkeys([*losses, *numbers])))


def _losses_of_cell(fits: xr.Dataset) -> pd.DataFrame:
    if "message" in fits.attrs:
        return pd.DataFrame({"message": [fits.attrs["message"]], "step": [np.nan]})
    edges = log_bins(fits.sizes["step"], NUM_LOSS_BINS)
    parts = []
    for step_size in fits["step_size"].to_numpy():
        means = bin_means(fits["loss"].sel(step_size=step_size).to_numpy(), edges)
        low, median, high = quantiles(means, (0.1, 0.5, 0.9))
        columns = {"step": centres(edges), "low": low, "median": median, "high": high}
        parts.append(pd.DataFrame(columns).assign(step_size=step_size))
    return pd.concat(parts, ignore_index=True).assign(message=None)


def distances(table: pd.DataFrame) -> pd.DataFrame:
    """How far from the posterior each fit of the grid is.

    KL(q||p) of the last iterate, or, where the evidence is unknown, the ELBO's distance below the best fit
    of its model. Columns: the setting, `seed`, `verdict`, `message`; `distance` and `distance_se` (nats);
    `measure`, which of the two it is; `resolved`, whether it exceeds its own Monte Carlo error, at
    which it is shown otherwise.
    """
    grid = grid_fits(table)
    distance, error, measure = _distance(grid)
    error = error.clip(lower=MIN_DISTANCE)
    columns = [
        "model",
        "guide",
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


def sbc_histograms(sbc: pd.DataFrame, sbc_ranks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Histograms of the rank statistics: one row per entry, parameter and bar (see `sbc.uniformity`).

    Columns: `name`, `parameter`, `left`, `right` (probabilities), `count`, and the band from `low` to
    `high` that holds all bars of a calibrated guide with a probability of 99 %.
    """
    parts = []
    tested = sbc[sbc["finding"] != "failed"].reindex(columns=["name", "parameter", "num_draws"])
    for name, parameter, num_draws in tested.itertuples(index=False, name=None):
        ranks = sbc_ranks[name]
        of_parameter = ranks.loc[ranks["parameter"] == parameter, "rank"].dropna().astype(int)
        bars = histogram(of_parameter.to_numpy(), int(num_draws), NUM_SBC_BARS)
        parts.append(bars.assign(name=name, parameter=parameter))
    columns = ["name", "parameter", "left", "right", "count", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
