"""The tutorial's three fits of the coin: their losses and parameters along the steps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._coin import (
    BETA_FITS,
    TUTORIAL_FITS,
    concatenate,
    optimum,
    single_fits,
    toss_counts,
)
from svi_atlas.analysis._series import bin_means, centres, even_bins, log_bins, quantiles
from svi_atlas.problems.coin import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "tutorial_losses": {
        "label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles", "tutorial_normal"]
    },
    "nonfinite_losses": {
        "label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles", "tutorial_normal"]
    },
    "particle_losses": {"label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles"]},
    "particle_paths": {"label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles"]},
}
"""Which fits an analysis reads, where it does not read all of them."""

NUM_LOSS_BINS, NUM_PARTICLE_BINS = 200, 45

WINDOW_SHARE = 0.05
"""Share of the steps over which the running median and mean are taken."""

IDENTITY = ("label", "guide", "num_particles")


def tutorial_losses(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Losses of the tutorial's fits along the steps, non-finite ones left out.

    Returns
    -------
    One row per fit and bin of steps: `step` (middle of the bin), `low` and `high` (5 % and 95 % quantiles
    of the bin's losses, nats), `median` and `mean` over a window of 5 % of the steps (nats); `floor`,
    minus the log evidence (nats); `message` of a fit that failed, which has one row.
    """
    floor = -exact.log_evidence(*toss_counts(data))
    parts = []
    for identity, fit in single_fits(fits, TUTORIAL_FITS):
        if identity["message"] is not None:
            rows = pd.DataFrame({"step": [np.nan]})
        else:
            rows = _running_losses(fit["loss"].to_numpy().astype(float))
        parts.append(rows.assign(**identity, floor=floor))
    columns = ("step", "low", "high", "median", "mean", "floor", "message")
    return concatenate(parts, (*IDENTITY, *columns))


def _running_losses(loss: np.ndarray) -> pd.DataFrame:
    """Quantiles within bins, running median and mean of the losses (step,) of one fit."""
    finite = np.where(np.isfinite(loss), loss, np.nan)
    edges = even_bins(len(loss), NUM_LOSS_BINS)
    steps = centres(edges)
    bands = [quantiles(finite[first:last], (0.05, 0.95)) for first, last in pairwise(edges)]
    low, high = np.transpose(bands)
    half = max(1, round(WINDOW_SHARE * len(loss) / 2))
    windows = [finite[max(0, int(step) - half) : int(step) + half] for step in steps]
    return pd.DataFrame(
        {
            "step": steps,
            "low": low,
            "high": high,
            "median": [quantiles(window, (0.5,))[0] for window in windows],
            "mean": [bin_means(window, np.array([0, len(window)]))[0] for window in windows],
        }
    )


def nonfinite_losses(fits: Fits) -> pd.DataFrame:
    """Steps, counted from 1, at which a loss of the tutorial's fits is not finite: `label`, `step`."""
    parts = []
    for identity, fit in single_fits(fits, TUTORIAL_FITS):
        if identity["message"] is None:
            steps = np.flatnonzero(~np.isfinite(fit["loss"].to_numpy())) + 1
            parts.append(pd.DataFrame({"step": steps}).assign(label=identity["label"]))
    return concatenate(parts, ("label", "step"))


def particle_losses(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Mean and standard deviation of the losses with one and with many particles.

    Returns
    -------
    One row per fit and bin of steps: `step` (middle of the bin), `mean` and `sd` of the bin's losses
    (nats); `floor`, minus the log evidence (nats); `message` of a fit that failed, which has one row.
    """
    floor = -exact.log_evidence(*toss_counts(data))
    parts = []
    for identity, fit in single_fits(fits, BETA_FITS):
        if identity["message"] is not None:
            rows = pd.DataFrame({"step": [np.nan]})
        else:
            loss = fit["loss"].to_numpy()
            edges = log_bins(len(loss), NUM_PARTICLE_BINS)
            mean = bin_means(loss, edges)
            squares = (loss - np.repeat(mean, np.diff(edges))) ** 2
            sd = np.sqrt(bin_means(squares, edges))
            rows = pd.DataFrame({"step": centres(edges), "mean": mean, "sd": sd})
        parts.append(rows.assign(**identity, floor=floor))
    return concatenate(parts, (*IDENTITY, "step", "mean", "sd", "floor", "message"))


def particle_paths(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Parameters of the guide `beta` by step with one and with many particles.

    Returns
    -------
    One row per fit, `parameter` and `step`: its `value`, and the `exact` one. A fit that failed has one
    row per parameter, without a value.
    """
    parts = []
    for identity, fit in single_fits(fits, BETA_FITS):
        for name, value in optimum(data).items():
            if identity["message"] is not None:
                rows = pd.DataFrame({"step": [np.nan], "value": [np.nan]})
            else:
                path = {"step": fit["snapshot_step"], "value": fit[f"path.{name}"]}
                rows = pd.DataFrame({key: array.to_numpy() for key, array in path.items()})
            parts.append(rows.assign(**identity, parameter=name, exact=value))
    return concatenate(parts, (*IDENTITY, "parameter", "step", "value", "exact"))
