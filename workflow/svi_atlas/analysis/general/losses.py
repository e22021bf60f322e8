"""Losses along the steps of every fit of a grid."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._series import bin_means, centres, log_bins, quantiles
from svi_atlas.analysis._tables import negative_log_evidence
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.families import families
from svi_atlas.results.inputs import Fits, References, with_schedule

FITS = {"losses": {"label": ["particles-*", "search"]}}
"""Which fits an analysis reads, where it does not read all of them."""

NUM_LOSS_BINS = 60


def losses(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Losses along the steps: median and 10 % to 90 % range over the seeds, within bins of steps.

    One row per cell of the grid or the search, schedule, step size and bin: `step` (middle of the bin), `low`, `median`, `high`
    (nats); `floor`, minus the log evidence, NaN if it is unknown or no bound (a guide fitted as a point
    has a loss without entropy); `message` of a cell that failed, which has one row.
    """
    parts = []
    for family in families(table):
        point = guide_traits(family.guide).point
        floor = np.nan if point else negative_log_evidence(reference, family.model)
        for num_particles, label in family.labels.items():
            cell = _losses_of_cell(
                with_schedule(fits[family.model, family.guide, label], family.schedule)
            )
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
