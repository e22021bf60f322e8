"""How close each way to fit comes, against what it costs, with NUTS beside it."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.analysis.arrival._selection import MAX_MEAN_ERROR, NUTS, SEARCH, in_order
from svi_atlas.formatting import humanise
from svi_atlas.plots import _style

CAPTION = (
    "Largest error of a posterior mean against gradient evaluations, both of one fit or one chain, on "
    "logarithmic scales. Points and the line of NUTS are medians over the seeds, bars and the band their "
    "10 % to 90 % range. Below the dashed line are fits that have arrived, if their standard deviations have too. A "
    "search is charged with all its trials, NUTS with its warm-up. Settings of equal cost are drawn side by "
    "side. The errors of fits are measured with a "
    "finite number of draws (4,000 unless set otherwise), and hardly fall below 0.01."
)

COLUMNS = 4

COLOURS = {"constant": "#D55E00", "cosine": "#E69F00", "whitened": "#0072B2", "flow": "#7F6FBF"}
"""By the first word of a way."""

NUDGE = 1.07
"""Ratio of the places of settings of equal cost, so that they do not hide each other."""

SEARCH_COLOUR, NUTS_COLOUR = "#009E73", "#777777"


def draw(errors_by_cost: pd.DataFrame) -> Figure:
    """One panel per posterior: errors against gradient evaluations."""
    problems = list(errors_by_cost["problem"].unique())
    if not problems:
        return _style.empty_figure("nothing was fitted")
    rows = math.ceil(len(problems) / COLUMNS)
    size = (9.6, 2.0 * rows + 0.8)
    figure, panels = _style.panels(rows, COLUMNS, size, sharex=True, sharey=True)
    for axes, problem in zip(panels.flat, problems, strict=False):
        _draw_problem(axes, errors_by_cost[errors_by_cost["problem"] == problem])
        axes.set_title(humanise(str(problem)), fontsize=8.5)
    for axes in panels.flat[len(problems) :]:
        axes.set_axis_off()
    for axes in panels[:, 0]:
        axes.set_ylabel("error (posterior sd)", fontsize=8)
    figure.supxlabel("gradient evaluations", fontsize=9)
    figure.legend(handles=_handles(errors_by_cost), loc="outside upper center", ncols=6)
    return figure


def _draw_problem(axes: Axes, errors: pd.DataFrame) -> None:
    chains = errors[errors["way"] == NUTS].sort_values("cost").dropna(subset="median")
    axes.fill_between(
        chains["cost"], chains["low"], chains["high"], color=NUTS_COLOUR, alpha=0.25, lw=0
    )
    axes.plot(chains["cost"], chains["median"], color=NUTS_COLOUR)
    fits = errors[errors["way"] != NUTS].dropna(subset=["median", "cost"])
    columns = ["way", "cost", "low", "median", "high"]
    for place, (way, cost, low, median, high) in enumerate(fits[columns].to_numpy()):
        colour, marker = _look(str(way))
        if way != SEARCH:  # side by side, where all settings cost the same
            cost *= NUDGE ** (place - len(fits) / 2)
        axes.plot([cost, cost], [low, high], color=colour, lw=1)
        axes.plot(cost, median, marker, ms=6 if way == SEARCH else 4, color=colour, mew=0)
    if chains.empty and fits.empty:
        _style.note(axes, "no error is known")
    axes.axhline(MAX_MEAN_ERROR, color=_style.EXACT, lw=0.8, ls="--")
    axes.set_xscale("log")
    axes.set_yscale("log")


def _look(way: str) -> tuple[str, str]:
    """Colour and marker of a way."""
    if way == SEARCH:
        return SEARCH_COLOUR, "D"
    return COLOURS.get(way.split()[0], NUTS_COLOUR), "o"


def _handles(errors: pd.DataFrame) -> list[Line2D]:
    ways = in_order(errors["way"])
    kinds = dict.fromkeys(way if way in (SEARCH, NUTS) else way.split()[0] for way in ways)
    handles = []
    for kind in kinds:
        if kind == NUTS:
            handles.append(Line2D([], [], color=NUTS_COLOUR, label="NUTS"))
        else:
            colour, marker = _look(kind)
            handles.append(
                Line2D([], [], color=colour, marker=marker, ms=4, ls="none", mew=0, label=kind)
            )
    return handles
