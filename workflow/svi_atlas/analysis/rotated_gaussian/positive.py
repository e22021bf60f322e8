"""The full-rank guide of a positive parameter: L Lᵀ is the covariance of ln s, not of s."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.rotated_gaussian._covariances import covariance_of, entries_of
from svi_atlas.analysis.rotated_gaussian._selection import (
    FULL_RANK,
    POSITIVE,
    fits_at_setting,
    typical_fit,
)
from svi_atlas.formatting import mean_se
from svi_atlas.problems.rotated_gaussian import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "positive_draws": {
        "model": ["positive"],
        "guide": ["AutoMultivariateNormal"],
        "label": ["particles-*"],
    },
    "positive_ellipses": {
        "model": ["positive"],
        "guide": ["AutoMultivariateNormal"],
        "label": ["particles-*"],
    },
    "positive_moments": {
        "model": ["positive"],
        "guide": ["AutoMultivariateNormal"],
        "label": ["particles-*"],
    },
}

MOMENTS = ("mean of s", "variance of x", "covariance of x and s", "variance of s")

ESTIMATES = {
    "naive": "exp of the mean, L Lᵀ as it is",
    "converted": "converted",
    "draws": "covariance of draws",
}
"""Three ways to the moments of (s, x)."""


def positive_draws(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Draws of a typical fit at the guide's best setting: `x`, `s` and `log_s`; empty without one."""
    fit = _typical_fit(table, fits)
    if fit is None:
        return pd.DataFrame(columns=["x", "s", "log_s"])
    s = fit["site.s"].to_numpy()
    return pd.DataFrame({"x": fit["site.x"].to_numpy(), "s": s, "log_s": np.log(s)})


def positive_ellipses(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Mean and covariance of the same fit in both spaces, (x, ln s) and (x, s).

    Columns: `space` ("log_s" or "s"), `estimate` ("naive": L Lᵀ as it is; "converted"), `mean_x`,
    `mean_y`, and the covariance `var_first` (of x), `cov`, `var_second`.
    """
    columns = [
        "space",
        "estimate",
        "mean_x",
        "mean_y",
        "var_first",
        "cov",
        "var_second",
    ]
    fit = _typical_fit(table, fits)
    if fit is None:
        return pd.DataFrame(columns=columns)
    mean, scale = fit["param.auto_loc"].to_numpy(), fit["param.auto_scale_tril"].to_numpy()
    naive = scale @ scale.T
    rows = [
        ("log_s", "naive", mean, naive),
        ("s", "naive", np.array([np.exp(mean[0]), mean[1]]), naive),
        ("s", "converted", *exact.log_normal_moments(mean, naive)),
    ]
    # The guide's first coordinate is s, which the figure draws upwards.
    return pd.DataFrame(
        [
            (space, estimate, *mean[::-1], *entries_of(covariance[::-1, ::-1]))
            for space, estimate, mean, covariance in rows
        ],
        columns=columns,
    )


def _typical_fit(table: pd.DataFrame, fits: Fits) -> xr.Dataset | None:
    fit = typical_fit(fits_at_setting(table, POSITIVE, FULL_RANK))
    if fit is None:
        return None
    return fits[POSITIVE, FULL_RANK, fit["label"]].sel(
        iterate="last", step_size=fit["step_size"], seed=fit["seed"]
    )


def positive_moments(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Moments of (s, x) at the guide's best setting by three estimates.

    One row per moment (`quantity`, one of MOMENTS), `estimate` (one of ESTIMATES) and `seed`: its
    `value`, and the `exact` one.
    """
    columns = ["quantity", "estimate", "seed", "value", "exact"]
    cell = fits_at_setting(table, POSITIVE, FULL_RANK)
    if cell.empty:
        return pd.DataFrame(columns=columns)
    last = fits[POSITIVE, FULL_RANK, cell["label"].iloc[0]].sel(
        iterate="last", step_size=cell["step_size"].iloc[0]
    )
    last = last.transpose("seed", "draw", ...)
    mean, scale = last["param.auto_loc"].to_numpy(), last["param.auto_scale_tril"].to_numpy()
    naive = scale @ np.swapaxes(scale, -1, -2)
    draws = np.stack([last["site.s"].to_numpy(), last["site.x"].to_numpy()], -1)
    converted_mean, converted = exact.log_normal_moments(mean, naive)
    true_mean, true = exact.log_normal_moments(np.zeros(2), exact.COVARIANCE[POSITIVE])
    estimates = {
        "naive": (np.exp(mean[:, 0]), naive),
        "converted": (converted_mean[:, 0], converted),
        "draws": (draws[..., 0].mean(-1), covariance_of(draws)),
    }
    exact_values = _moments(true_mean[0], true)
    rows = [
        (quantity, estimate, seed, float(value), float(exact_values[quantity]))
        for estimate, (mean_s, covariance) in estimates.items()
        for quantity, values in _moments(mean_s, covariance).items()
        for seed, value in zip(last["seed"].to_numpy(), values, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


def _moments(mean_s: np.ndarray, covariance: np.ndarray) -> dict[str, np.ndarray]:
    """MOMENTS from the mean of s and the covariance of (s, x), (..., 2, 2)."""
    entries = (covariance[..., 1, 1], covariance[..., 0, 1], covariance[..., 0, 0])
    return dict(zip(MOMENTS, (mean_s, *entries), strict=True))


def positive_parameter(positive_moments: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of these moments with their standard errors: one row per moment."""
    rows = []
    for quantity, values in positive_moments.groupby("quantity", sort=False):
        by_estimate = {
            estimate: mean_se(values.loc[values["estimate"] == estimate, "value"])
            for estimate in ESTIMATES
        }
        rows.append({"quantity": quantity, **by_estimate, "exact": values["exact"].iloc[0]})
    labels = {"quantity": "quantity", **ESTIMATES, "exact": "exact"}
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
