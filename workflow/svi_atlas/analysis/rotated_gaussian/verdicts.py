"""Verdicts of the experiment's fits, with their reasons."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.rotated_gaussian._selection import (
    COMPARED_GUIDES,
    MODEL,
    fits_at_setting,
    shared_setting,
    tutorial_fit,
    typical_fit,
)
from svi_atlas.formatting import MISSING


def tutorial_verdict(table: pd.DataFrame) -> pd.DataFrame:
    """The verdict of the tutorial's run; empty if it is absent or failed."""
    return _with_reasons([tutorial_fit(table)])


def typical_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """The verdict of the fit with the median KL of each compared guide, at the shared setting."""
    setting = shared_setting(table)
    if setting is None:
        return pd.DataFrame()
    cells = [fits_at_setting(table, MODEL, guide, setting) for guide in COMPARED_GUIDES]
    return _with_reasons([typical_fit(cell) for cell in cells])


def _with_reasons(fits: list[pd.Series | None]) -> pd.DataFrame:
    """Fits with the answers to both questions and the reason of the verdict."""
    rows = pd.DataFrame([fit for fit in fits if fit is not None])
    if rows.empty:
        return pd.DataFrame()
    answers = {True: "yes", False: "no"}
    for question in ("converged", "adequate"):
        rows[question] = [answers.get(value, MISSING) for value in rows[question]]
    labels = {
        "guide": "guide",
        "step_size": "step size",
        "seed": "seed",
        "converged": "converged?",
        "adequate": "adequate?",
        "verdict": "verdict",
        "reason": "reason",
    }
    return with_labels(rows[list(labels)].astype({"step_size": float, "seed": int}), labels)
