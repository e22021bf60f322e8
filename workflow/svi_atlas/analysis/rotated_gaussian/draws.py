"""Draws from the posterior and from a full-rank and a mean-field guide, side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis.rotated_gaussian._covariances import covariance_of, entries_of
from svi_atlas.analysis.rotated_gaussian._selection import (
    COMPARED_GUIDES,
    MODEL,
    TUTORIAL,
    fits_at_setting,
    shared_setting,
    typical_fit,
)
from svi_atlas.problems.rotated_gaussian import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "draws": {
        "model": ["unconstrained"],
        "guide": ["AutoMultivariateNormal", "AutoNormal"],
        "label": ["tutorial_full_rank", "particles-*"],
    }
}

MAX_DRAWS = 5000
"""Draws shown of each distribution."""


def draws(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Draws (x, y) by panel: "exact", then the guides.

    Of the full-rank guide it is the tutorial's run, of the mean-field guide a typical fit at a setting
    at which it has converged. A guide that has no such fit has no rows.
    """
    parts = [_panel("exact", reference[MODEL], "draw")]
    for guide in COMPARED_GUIDES:
        fit = _shown_fit(table, guide)
        if fit is not None and fit["verdict"] != "failed":
            cell = fits[MODEL, guide, fit["label"]].sel(
                iterate="last", seed=fit["seed"], step_size=fit["step_size"]
            )
            parts.append(_panel(guide, cell, "site"))
    return pd.concat(parts, ignore_index=True)


def _panel(panel: str, dataset, kind: str) -> pd.DataFrame:
    sites = {site: dataset[f"{kind}.{site}"].to_numpy()[:MAX_DRAWS] for site in ("x", "y")}
    return pd.DataFrame({"panel": panel, **sites})


def _shown_fit(table: pd.DataFrame, guide: str) -> pd.Series | None:
    tutorial = table[(table["label"] == TUTORIAL) & (table["guide"] == guide)]
    if len(tutorial):
        return tutorial.iloc[0]
    setting = shared_setting(table)
    return typical_fit(fits_at_setting(table, MODEL, guide, setting)) if setting else None


def draw_moments(table: pd.DataFrame, draws: pd.DataFrame) -> pd.DataFrame:
    """Means and covariances of the draws: one row per panel, first the exact ones ("posterior").

    Columns: `panel`, `num_draws`, `mean_x`, `mean_y`, `var_first`, `cov`, `var_second`, and
    `message`, why a panel has no draws.
    """
    rows = [_moments_row("posterior", np.nan, np.zeros(2), exact.COVARIANCE[MODEL])]
    for panel in ("exact", *COMPARED_GUIDES):
        points = np.ascontiguousarray(draws.loc[draws["panel"] == panel, ["x", "y"]])
        if len(points):
            rows.append(_moments_row(panel, len(points), points.mean(0), covariance_of(points)))
        else:
            fit = _shown_fit(table, panel)
            message = "no fit" if fit is None else f"failed: {fit['message']}"
            rows.append({"panel": panel, "message": message})
    return pd.DataFrame(rows)


def _moments_row(panel: str, num_draws: float, mean: np.ndarray, covariance: np.ndarray) -> dict:
    var_first, cov, var_second = entries_of(covariance)
    return {
        "panel": panel,
        "num_draws": num_draws,
        "mean_x": float(mean[0]),
        "mean_y": float(mean[1]),
        "var_first": var_first,
        "cov": cov,
        "var_second": var_second,
        "message": None,
    }
