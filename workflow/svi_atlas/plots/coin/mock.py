"""Mock tosses made in two ways, which must agree with each other and with the exact posterior."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure, fit_title

CAPTION = (
    "(b) in light blue, (c) in dark blue; error bars are two standard errors. Diamonds are the exact "
    "posterior predictive distribution. Tosses of one mock data set share a fairness, so the errors "
    "count data sets, not tosses."
)

WAYS = {
    "guide": ("model + guide + parameters", "#56B4E9"),
    "draws": ("model + posterior draws", "#0072B2"),
}

EXACT_STYLE: dict[str, Any] = {
    "color": _style.EXACT,
    "marker": "D",
    "ms": 4,
    "ls": "none",
    "mfc": "white",
}


def draw(mock_tosses: pd.DataFrame) -> Figure:
    """One row per fit: left tails and heads of all tosses, right heads in a mock data set."""
    if mock_tosses.empty:
        return empty_figure(NO_FITS)
    fits = [rows for _, rows in mock_tosses.groupby("label", sort=False)]
    figure, grid = _style.panels(
        len(fits), 2, (9.0, 2.7 * len(fits)), sharex="col", width_ratios=[1, 2.2]
    )
    handles: dict[str, Any] = {}
    for (left, right), rows in zip(grid, fits, strict=True):
        left.set_title(f"{fit_title(rows)}: all tosses")
        right.set_title("heads in a mock data set")
        if rows["message"].notna().any():
            for axes in (left, right):
                _style.note(axes, _style.short(rows["message"].iloc[0]))
            continue
        _draw_counts(left, rows[rows["quantity"] == "tosses"])
        _draw_counts(right, rows[rows["quantity"] == "data_sets"])
        left.set_xticks([0, 1], ["tails", "heads"])
        left.set_ylabel("tosses")
        right.set_ylabel("data sets")
        artists, labels = right.get_legend_handles_labels()
        handles = dict(zip(labels, artists, strict=True))
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=3)
    return figure


def _draw_counts(axes: Axes, rows: pd.DataFrame) -> None:
    """Bars for each way beside each other, and the expected counts."""
    for index, (way, (label, colour)) in enumerate(WAYS.items()):
        counts = rows[rows["way"] == way]
        axes.bar(
            counts["outcome"] + 0.4 * (index - 0.5),
            counts["count"],
            yerr=2 * counts["count_se"],
            label=label,
            width=0.38,
            color=colour,
            error_kw={"lw": 1.0, "capsize": 2},
        )
    axes.plot(
        counts["outcome"], counts["expected"], label="exact posterior predictive", **EXACT_STYLE
    )
    axes.set_xticks(counts["outcome"])
    axes.grid(axis="x", visible=False)
