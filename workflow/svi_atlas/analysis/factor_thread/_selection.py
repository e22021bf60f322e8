"""Which fits of the experiment the tables and sentences show."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import grid_fits

PAIRINGS = (("factor", "factor"), ("sample", "factor"), ("factor", "sample"), ("sample", "sample"))
"""(model, guide) of the forum thread's four runs."""

SCALES = ("sig1_q", "sig2_q")
"""Parameters of the guides."""


def pairing_label(model: str, guide: str) -> str:
    """Label of the single fit that repeats a pairing of the forum thread."""
    return f"thread_{model}_{guide}"


def pairing_name(model: str, guide: str) -> str:
    """A pairing in words."""
    return f"{model} model, {guide} guide"


def single_fit(table: pd.DataFrame, label: str) -> pd.Series | None:
    """The single fit with this label; None if it is absent or failed."""
    rows = table[(table["label"] == label) & (table["verdict"] != "failed")]
    return None if rows.empty else rows.iloc[0]


def why_missing(table: pd.DataFrame, label: str) -> str:
    """Why `single_fit` is None."""
    rows = table[table["label"] == label]
    return "not run" if rows.empty else f"failed: {rows['message'].iloc[0]}"


def grid_cell(
    table: pd.DataFrame,
    model: str,
    guide: str,
    num_particles: int | None = None,
    step_size: float | None = None,
) -> pd.DataFrame:
    """The fits of the grid with these settings that did not fail; None stands for any value."""
    grid = grid_fits(table)
    selected = (grid["model"] == model) & (grid["guide"] == guide) & (grid["verdict"] != "failed")
    if num_particles is not None:
        selected &= grid["num_particles"] == num_particles
    if step_size is not None:
        selected &= np.isclose(grid["step_size"], step_size)
    return grid[selected]
