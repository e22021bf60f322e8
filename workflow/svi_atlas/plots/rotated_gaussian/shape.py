"""Covariance entries, principal sds and angle of every guide, with their spread over the seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "Entries of the covariance, principal standard deviations and angle of the long axis, by guide and "
    "step size. Dots are medians over the seeds of the last iterate, bars their 10 % to 90 % range. "
    "Where the guide is no Gaussian, or its parameters hold no covariance, the numbers are computed from "
    "its draws and carry a sampling error of about 2 %."
)

TITLES = {
    "var_first": "variance of x",
    "var_second": "variance of y",
    "cov": "covariance",
    "sd_short": "sd, short axis",
    "sd_long": "sd, long axis",
    "angle_degrees": "angle (degrees)",
}

LIMITS = {
    "var_first": (-0.3, 8),
    "var_second": (-0.3, 8),
    "cov": (-0.7, 7),
    "sd_short": (0, 1.8),
    "sd_long": (0, 4),
    "angle_degrees": (20, 70),
}


def draw(shape_quantiles: pd.DataFrame, tutorial_shape: pd.DataFrame) -> Figure:
    """One row per guide, one column per quantity, by step size; the tutorial's values as crosses."""
    if shape_quantiles.empty:
        figure, ((axes,),) = _style.panels(1, 1, (9.6, 2.0))
        _style.note(axes, "no fit of the grid: all failed")
        return figure
    guides = list(shape_quantiles["guide"].unique())
    colours = _style.scale_colours(shape_quantiles["num_particles"], _style.PARTICLES)
    size = (9.6, 1.02 * len(guides) + 0.95)
    figure, panels = _style.panels(len(guides), len(TITLES), size, sharex=True, sharey="col")
    for axes_row, guide in zip(panels, guides, strict=True):
        rows = shape_quantiles[shape_quantiles["guide"] == guide]
        for axes, name in zip(axes_row, TITLES, strict=True):
            _draw_quantity(axes, rows[rows["quantity"] == name], colours)
        if rows.loc[rows["quantity"] == "angle_degrees", "median"].isna().all():
            _style.note(axes_row[-1], "no angle:\nno correlation")
        if len(tutorial_shape) and tutorial_shape["guide"].iloc[0] == guide:
            _draw_tutorial(axes_row, tutorial_shape.set_index("quantity"))
        name = _broken(guide) + ("\n(from draws)" if (rows["source"] == "draws").all() else "")
        axes_row[0].set_ylabel(name, rotation=0, ha="right", va="center", color=_style.EXACT)
    _label_panels(panels)
    handles = _legend_handles(colours)
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _label_panels(panels: np.ndarray) -> None:
    for axes, (name, title) in zip(panels[0], TITLES.items(), strict=True):
        axes.set_title(title)
        axes.set_xscale("log")
        axes.set_ylim(*LIMITS[name])
    for axes in panels[-1]:
        axes.set_xlabel("step size")
        axes.set_xticks([1e-4, 1e-3, 1e-2, 1e-1])
        axes.tick_params(axis="x", labelsize=7)


def _legend_handles(colours: dict) -> list[Line2D]:
    wrong: dict[str, Any] = {"color": _style.WRONG, "ls": "none"}
    return [
        *(
            Line2D([], [], color=colour, marker="o", ms=3.5, label=_style.particles(count))
            for count, colour in colours.items()
        ),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact"),
        Line2D([], [], marker="x", ms=5, label="published", **wrong),
        Line2D([], [], marker="D", mfc="none", ms=4.5, label="the tutorial's run, here", **wrong),
    ]


def _broken(guide: str) -> str:
    """A long class name on several lines."""
    if len(guide) > 12:
        for word in ("Multivariate", "Approximation", "Normal"):
            guide = guide.replace(word, f"\n{word}")
    return guide


def _draw_quantity(axes: Axes, rows: pd.DataFrame, colours: dict) -> None:
    known = rows[rows["median"].notna()]
    if len(known):
        axes.axhline(known["exact"].iloc[0], color=_style.EXACT, lw=0.9, ls="--", zorder=1)
    for index, (count, colour) in enumerate(colours.items()):
        cell = known[known["num_particles"] == count].sort_values("step_size")
        if cell.empty:
            continue
        offset = 1.5 ** (index - (len(colours) - 1) / 2)
        bars = [cell["median"] - cell["low"], cell["high"] - cell["median"]]
        style: dict[str, Any] = {"fmt": "o", "ms": 2.6, "lw": 1.1, "mew": 0}
        axes.errorbar(cell["step_size"] * offset, cell["median"], bars, color=colour, **style)


def _draw_tutorial(axes_row: np.ndarray, tutorial: pd.DataFrame) -> None:
    for axes, name in zip(axes_row, TITLES, strict=True):
        row = tutorial.loc[name]
        axes.plot(row["step_size"] * 0.87, row["published"], "x", ms=4.5, color=_style.WRONG)
        axes.plot(row["step_size"] * 1.15, row["last"], "D", ms=3.6, mfc="none", color=_style.WRONG)
