"""A surrogate that roughly matches gives useful summaries: KL against errors of means and sds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.statements._selection import fits_with_kl
from svi_atlas.analysis.statements._text import range_over_seeds, share
from svi_atlas.analysis.statements.cost import MIN_KL

NUM_BINS = 12

MIN_FITS = 8
"""Fits that a bin needs to be shown."""

KL_EDGES = [-np.inf, 1e-3, 1e-2, 1e-1, 1.0, np.inf]

KL_NAMES = ["under 0.001", "0.001 to 0.01", "0.01 to 0.1", "0.1 to 1", "over 1"]
"""Rows of the table on the page, by KL divergence (nats)."""


def summaries(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The worst error of a mean and of a standard deviation of each fit whose KL divergence is known.

    Returns
    -------
    DataFrame
        One row per fit of the grid: `model`, `guide`, `kl` (nats), `distance` (the KL divergence, at
        least its Monte Carlo error), `mean_error` (posterior sds), `sd_ratio`, `sd_error` (the ratio as a
        factor, minus 1), `mean_error_se`, `sd_ratio_se`, and `useful`, whether both are within the
        thresholds of the verdict.
    """
    fits = fits_with_kl(table, thresholds["outside_support"])
    shown = ["kl", "mean_error", "mean_error_se", "sd_ratio", "sd_ratio_se"]
    if fits.empty:
        return pd.DataFrame(columns=["model", "guide", *shown, "distance", "sd_error", "useful"])
    mean_is_close = fits["mean_error"] <= thresholds["mean_error"]
    sd_is_close = (fits["sd_ratio"] - 1).abs() <= thresholds["sd_ratio"]
    return (
        fits[["model", "guide", *shown]]
        .assign(
            distance=np.maximum(np.maximum(fits["kl"], fits["kl_se"]), MIN_KL),
            sd_error=np.exp(np.abs(np.log(fits["sd_ratio"]))) - 1,
            useful=mean_is_close & sd_is_close,
        )
        .reset_index(drop=True)
    )


def summary_bands(summaries: pd.DataFrame) -> pd.DataFrame:
    """Median and 10 % to 90 % range of both errors within bins of the KL divergence.

    One row per `quantity` (`mean_error`, `sd_error`) and bin: `distance` (its middle, nats), `low`,
    `median`, `high`, NaN where the bin has fewer than MIN_FITS fits.
    """
    columns = ["quantity", "distance", "low", "median", "high"]
    if summaries.empty:
        return pd.DataFrame(columns=columns)
    distance = summaries["distance"].to_numpy()
    first, last = (float(np.quantile(distance, share)) for share in (0.01, 0.99))
    rows = []
    for quantity in ("mean_error", "sd_error"):
        values = summaries[quantity].to_numpy()
        for low, high in pairwise(np.geomspace(first, last, NUM_BINS + 1)):
            inside = values[(distance >= low) & (distance < high)]
            enough = len(inside) >= MIN_FITS
            band = np.quantile(inside, (0.1, 0.5, 0.9)) if enough else np.full(3, np.nan)
            rows.append((quantity, np.sqrt(low * high), *band))
    return pd.DataFrame(rows, columns=columns)


def gaussian_bounds(summaries: pd.DataFrame) -> pd.DataFrame:
    """The largest errors that a Gaussian guide of a Gaussian posterior can have at a KL divergence.

    A mean that is off by d standard deviations costs at least d^2 / 2 nats; a standard deviation that is r
    of the true one costs (r^2 - 1) / 2 - ln r. Columns `quantity`, `distance` (nats) and `error`.
    """
    columns = ["quantity", "distance", "error"]
    if summaries.empty:
        return pd.DataFrame(columns=columns)
    low, high = summaries["distance"].min(), summaries["distance"].max()
    distance = np.geomspace(low, high, 200)
    of_mean = pd.DataFrame({"distance": distance, "error": np.sqrt(2 * distance)})
    error = np.geomspace(1e-3, 1e2, 300)
    ratio = 1 / (1 + error)
    of_sd = pd.DataFrame({"distance": (ratio**2 - 1) / 2 - np.log(ratio), "error": error})
    of_sd = of_sd[(of_sd["distance"] > distance[0]) & (of_sd["distance"] < distance[-1])]
    parts = [of_mean.assign(quantity="mean_error"), of_sd.assign(quantity="sd_error")]
    return pd.concat(parts, ignore_index=True)[columns]


def summary_limits(summaries: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """For both errors, the `limit` of the verdict and the median Monte Carlo error, `measurement_error`."""
    rows = [
        ("mean_error", thresholds["mean_error"], summaries["mean_error_se"].median()),
        ("sd_error", thresholds["sd_ratio"], summaries["sd_ratio_se"].median()),
    ]
    frame = pd.DataFrame(rows, columns=["quantity", "limit", "measurement_error"])
    return frame.astype({"limit": float, "measurement_error": float})


def summary_table(summaries: pd.DataFrame) -> pd.DataFrame:
    """Errors and the share of useful fits by KL divergence."""
    ranges = pd.cut(summaries["kl"].astype(float), KL_EDGES, labels=KL_NAMES)
    rows = [
        {
            "range": str(name),
            "fits": len(fits),
            "mean_error": range_over_seeds(fits["mean_error"]),
            "sd_ratio": range_over_seeds(fits["sd_ratio"]),
            "useful": share(int(fits["useful"].sum()), len(fits)),
        }
        for name, fits in summaries.groupby(ranges, observed=True)
    ]
    labels = {
        "range": "KL (nats)",
        "fits": "fits",
        "mean_error": "error of the worst mean (sd)",
        "sd_ratio": "worst ratio of sds",
        "useful": "both within the limits",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
