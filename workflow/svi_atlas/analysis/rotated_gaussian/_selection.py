"""Which fits of the experiment the tables and sentences show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import best_settings, grid_fits

MODEL, POSITIVE = "unconstrained", "positive"

FULL_RANK, MEAN_FIELD = "AutoMultivariateNormal", "AutoNormal"

COMPARED_GUIDES = (FULL_RANK, MEAN_FIELD)
"""The two guides that are compared: with and without correlation."""

TUTORIAL = "tutorial_full_rank"
"""Label of the tutorial's run."""

Setting = tuple[str, float]
"""Label of a cell and step size."""


def tutorial_fit(table: pd.DataFrame) -> pd.Series | None:
    """The tutorial's run; None if it is absent or failed."""
    rows = table[(table["label"] == TUTORIAL) & (table["verdict"] != "failed")]
    return None if rows.empty else rows.iloc[0]


def fits_at_setting(
    table: pd.DataFrame, model: str, guide: str, setting: Setting | None = None
) -> pd.DataFrame:
    """The fits of a guide that did not fail, at one setting of the grid.

    Parameters
    ----------
    table
        One row per fit.
    model, guide
        Which fits.
    setting
        Label and step size; the best setting of the guide if it is None.
    """
    grid = grid_fits(table)
    fits = grid[(grid["model"] == model) & (grid["guide"] == guide) & (grid["verdict"] != "failed")]
    if fits.empty:
        return fits
    if setting is None:
        best = best_settings(fits).iloc[0]
        setting = best["label"], best["step_size"]
    return fits[(fits["label"] == setting[0]) & np.isclose(fits["step_size"], setting[1])]


def shared_setting(table: pd.DataFrame) -> Setting | None:
    """The setting at which most fits of both COMPARED_GUIDES converge, with the smallest mean KL.

    If there is no such setting, the one with the smallest mean KL; None if every fit failed.
    """
    grid = grid_fits(table)
    usable = (grid["model"] == MODEL) & (grid["verdict"] != "failed")
    fits = grid[usable & grid["guide"].isin(COMPARED_GUIDES)]
    if fits.empty:
        return None
    fits = fits.assign(converged=fits["converged"].eq(True).astype(float))
    by_guide = fits.groupby(["label", "step_size", "guide"])[["converged", "kl"]].mean()
    settings = by_guide.groupby(["label", "step_size"]).agg({"converged": "min", "kl": "mean"})
    settings["most"] = settings["converged"] > 0.5
    label, step_size = settings.sort_values(["most", "kl"], ascending=[False, True]).index[0]
    return label, float(step_size)


def typical_fit(fits: pd.DataFrame) -> pd.Series | None:
    """The fit with the median KL among those with the most frequent verdict; None without a KL."""
    known = fits[fits["kl"].notna()].sort_values("kl") if "kl" in fits else fits.iloc[:0]
    known = known[known["verdict"].isin(known["verdict"].mode()[:1])]
    return None if known.empty else known.iloc[(len(known) - 1) // 2]
