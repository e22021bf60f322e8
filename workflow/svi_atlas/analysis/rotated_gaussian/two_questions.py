"""Converged and adequate are two questions: the mean-field guide converges and is wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._series import bin_means, centres, log_bins
from svi_atlas.analysis._tables import negative_log_evidence, with_labels
from svi_atlas.analysis.rotated_gaussian._selection import (
    COMPARED_GUIDES,
    FULL_RANK,
    MODEL,
    fits_at_setting,
    shared_setting,
)
from svi_atlas.formatting import count_of, mean_se
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.rotated_gaussian import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "courses": {
        "model": ["unconstrained"],
        "guide": ["AutoMultivariateNormal", "AutoNormal"],
        "label": ["particles-*"],
    }
}

NUM_BINS = 60

MIN_RHAT_EXCESS = 1e-4
"""Smallest R-hat minus 1 that is shown."""

STATISTICS = {
    "elbo_gap": "optimality gap (nats per parameter)",
    "rhat": "split R-hat of the parameters",
    "loss_drift": "drift of the loss (nats per 1,000 steps)",
    "averaging_gain": "gain by averaging the iterates (nats)",
    "final_loss": "loss, end of the run (nats)",
    "kl": "KL divergence from the posterior (nats)",
    "khat": "Pareto k-hat",
    "mean_error": "error of the worst mean (sd)",
    "sd_ratio": "worst ratio of sds",
    "derived.var_first": "variance of x",
    "derived.var_second": "variance of y",
}


def courses(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Loss and variance of x along the steps at the setting where both guides converge.

    One row per guide, `quantity` ("loss" in nats, or "variance"), seed and `step`: its `value`. Losses
    are means within bins of steps.
    """
    columns = ["guide", "quantity", "seed", "step", "value"]
    setting = shared_setting(table)
    parts = []
    for guide in COMPARED_GUIDES:
        if setting is None or fits_at_setting(table, MODEL, guide, setting).empty:
            continue
        label, step_size = setting
        cell = fits[MODEL, guide, label].sel(step_size=step_size)
        parts += [_losses(cell).assign(guide=guide), _variances(cell, guide).assign(guide=guide)]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _losses(cell: xr.Dataset) -> pd.DataFrame:
    edges = log_bins(cell.sizes["step"], NUM_BINS)
    loss = bin_means(cell["loss"].transpose("seed", "step").to_numpy(), edges)
    return _long("loss", cell["seed"].to_numpy(), centres(edges), loss)


def _variances(cell: xr.Dataset, guide: str) -> pd.DataFrame:
    """Variance of x at snapshots that are evenly spaced on a logarithmic scale."""
    last = cell.sizes["snapshot"] - 1
    shown = np.unique(np.geomspace(1, last + 1, NUM_BINS).round().astype(int)) - 1
    cell = cell.isel(snapshot=shown)
    if guide == FULL_RANK:
        scale = cell["path.auto_scale_tril"].transpose("seed", "snapshot", ...).to_numpy()
        variance = (scale[:, :, 0] ** 2).sum(-1)
    else:
        variance = cell["path.x_auto_scale"].transpose("seed", "snapshot").to_numpy() ** 2
    return _long("variance", cell["seed"].to_numpy(), cell["snapshot_step"].to_numpy(), variance)


def _long(quantity: str, seeds: np.ndarray, steps: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """One row per seed and step of values (seed, step)."""
    return pd.DataFrame(
        {
            "quantity": quantity,
            "seed": np.repeat(seeds, len(steps)),
            "step": np.tile(steps.astype(float), len(seeds)),
            "value": values.ravel().astype(float),
        }
    )


def optima(reference: References) -> pd.DataFrame:
    """Exact loss (nats) and variance of x, of the posterior and of the best guide without correlation.

    Columns: `quantity` as in `courses`, `distribution` ("posterior" or "mean field"), `value`.
    """
    floor = negative_log_evidence(reference, MODEL)
    covariance = exact.COVARIANCE[MODEL]
    rows = [
        ("loss", "posterior", floor),
        ("loss", "mean field", floor + exact.mean_field_kl(covariance)),
        ("variance", "posterior", float(covariance[0, 0])),
        ("variance", "mean field", float(exact.mean_field_optimum(covariance)[0, 0])),
    ]
    return pd.DataFrame(rows, columns=["quantity", "distribution", "value"])


def rest_and_width(table: pd.DataFrame) -> pd.DataFrame:
    """Whether the parameters of each fit of the grid are at rest, and how wide the guide is.

    Columns: `guide`; `rhat_excess`, split R-hat minus 1; `sd_ratio`; `compared`, whether the guide is
    one of the two that are compared. The rows of these come last. Fits without a value are left out.
    """
    grid = grid_fits(table)
    fits = grid[grid["model"] == MODEL].reindex(columns=["guide", "rhat", "sd_ratio"])
    fits = fits.astype({"rhat": float, "sd_ratio": float})
    fits = fits[np.isfinite(fits["rhat"]) & (fits["sd_ratio"] > 0)]
    others = [guide for guide in fits["guide"].unique() if guide not in COMPARED_GUIDES]
    parts = [fits[fits["guide"] == guide] for guide in (*others, *COMPARED_GUIDES)]
    shown = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(
        {
            "guide": shown["guide"],
            "compared": shown["guide"].isin(COMPARED_GUIDES),
            "rhat_excess": np.maximum(shown["rhat"] - 1, MIN_RHAT_EXCESS),
            "sd_ratio": shown["sd_ratio"],
        }
    )


def two_guides(table: pd.DataFrame) -> pd.DataFrame:
    """The statistics of the two guides at one setting: means over the seeds with standard errors.

    One row per statistic, one column per guide; empty if neither has a fit.
    """
    setting = shared_setting(table)
    if setting is None:
        return pd.DataFrame()
    cells = {guide: fits_at_setting(table, MODEL, guide, setting) for guide in COMPARED_GUIDES}
    cells = {
        guide: cell.reindex(columns=[*STATISTICS, "converged", "adequate"])
        for guide, cell in cells.items()
        if len(cell)
    }
    rows = [
        {"statistic": label, **{guide: mean_se(cell[name]) for guide, cell in cells.items()}}
        for name, label in STATISTICS.items()
    ]
    for question in ("converged", "adequate"):
        counts = {
            guide: f"{count_of(cell[question].eq(True).sum(), len(cell))} seeds"
            for guide, cell in cells.items()
        }
        rows.append({"statistic": f"{question}?", **counts})
    frame = pd.DataFrame(rows)
    return with_labels(frame, {str(name): str(name) for name in frame})
