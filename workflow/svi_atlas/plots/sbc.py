"""Where true values lie among the draws of refitted guides: one histogram per parameter."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style

CAPTION = (
    "Where the true value lies among the draws of a guide refitted to data simulated from it. Bars count "
    "simulations in bins of the probability of a draw below the true value; with a probability of 99 %, "
    "all bars of a calibrated guide lie inside the band."
)

COLUMNS = 3

MAX_PARAMETERS = 6
"""Panels per entry; of more parameters, those with the smallest p-values are shown."""


def draw(sbc: pd.DataFrame, sbc_histograms: pd.DataFrame) -> Figure:
    """One panel per entry and parameter: how many simulations have each probability."""
    entries = sbc.groupby("name", sort=False, group_keys=False)
    rows = pd.concat([_worst(entry) for _, entry in entries])
    columns = min(COLUMNS, len(rows))
    height = -(-len(rows) // columns)
    figure, grid = _style.panels(height, columns, (max(4.5, 3.1 * columns), 2.4 * height + 0.2))
    for axes, (_, row) in zip(grid.flat, rows.iterrows(), strict=False):
        _draw_parameter(axes, row, sbc_histograms)
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("simulations")
    return figure


def _worst(entry: pd.DataFrame) -> pd.DataFrame:
    if len(entry) <= MAX_PARAMETERS:
        return entry
    return entry.loc[entry["uniformity_p"].nsmallest(MAX_PARAMETERS).index].sort_index()


def _draw_parameter(axes: Axes, row: pd.Series, histograms: pd.DataFrame) -> None:
    axes.set_xlabel("probability of a draw below the true value")
    if row["finding"] == "failed":
        axes.set_title(row["name"])
        _style.note(axes, f"failed: {_style.short(row['message'], 60)}")
        return
    axes.set_title(f"{row['name']}: {row['parameter']}\n{row['finding']}", fontsize=8.5)
    same = histograms["name"] == row["name"]
    bars = histograms[same & (histograms["parameter"] == row["parameter"])]
    width = bars["right"] - bars["left"]
    colour = _style.guide_colour(row["guide"])
    axes.bar(bars["left"], bars["count"], width, align="edge", color=colour, alpha=0.75, lw=0)
    edges = [*bars["left"], bars["right"].iloc[-1]]
    low, high = (bars[name].to_numpy() for name in ("low", "high"))
    axes.stairs(high, edges, baseline=low, fill=True, color=_style.EXACT, alpha=0.15, lw=0)
    axes.axhline(bars["count"].sum() / len(bars), color=_style.EXACT, lw=0.8, ls="--")
    axes.set_xlim(0, 1)
