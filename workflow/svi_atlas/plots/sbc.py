"""Where true values lie among the draws of refitted guides: a histogram a parameter."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.results.store import Results
from svi_atlas.sbc.uniformity import histogram

NUM_BINS = 20

COLUMNS = 3

MOST_PARAMETERS = 6
"""Panels of an entry; beyond it the parameters with the smallest p-values are shown."""


def draw(results: Results) -> Figure:
    """A panel an entry and parameter: how many simulations have each probability.

    The probability is that of a draw below the true value. The band holds all bars of a calibrated
    guide with a probability of 99 %.
    """
    chosen = results.calibration().groupby("name", sort=False, group_keys=False)
    rows = pd.concat([_worst(entry) for _, entry in chosen])
    columns = min(COLUMNS, len(rows))
    height = -(-len(rows) // columns)
    figure, grid = _style.panels(height, columns, (max(4.5, 3.1 * columns), 2.4 * height + 0.2))
    for axes, (_, row) in zip(grid.flat, rows.iterrows(), strict=False):
        _draw_parameter(axes, row, results.refits(row["name"]))
    for axes in grid.flat[len(rows) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("simulations")
    return figure


def _worst(entry: pd.DataFrame) -> pd.DataFrame:
    if len(entry) <= MOST_PARAMETERS:
        return entry
    return entry.loc[entry["uniformity_p"].nsmallest(MOST_PARAMETERS).index].sort_index()


def _draw_parameter(axes: Axes, row: pd.Series, refits: pd.DataFrame) -> None:
    axes.set_xlabel("probability of a draw below the true value")
    if "message" in refits:
        axes.set_title(row["name"])
        _style.note(axes, f"failed: {_style.short(refits['message'].iloc[0], 60)}")
        return
    axes.set_title(f"{row['name']}: {row['parameter']}\n{row['finding']}", fontsize=8.5)
    below = refits.loc[refits["parameter"] == row["parameter"], "below"].dropna().astype(int)
    bars = histogram(below.to_numpy(), int(row["num_draws"]), NUM_BINS)
    width = bars["right"] - bars["left"]
    colour = _style.guide_colour(row["guide"])
    axes.bar(bars["left"], bars["count"], width, align="edge", color=colour, alpha=0.75, lw=0)
    edges = [*bars["left"], bars["right"].iloc[-1]]
    low, high = (bars[name].to_numpy() for name in ("low", "high"))
    axes.stairs(high, edges, baseline=low, fill=True, color=_style.EXACT, alpha=0.15, lw=0)
    axes.axhline(len(below) / len(bars), color=_style.EXACT, lw=0.8, ls="--")
    axes.set_xlim(0, 1)
