"""Converged and adequate are two questions: the mean-field guide converges and is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "Left and middle: a full-rank and a mean-field guide at the same setting, one line per seed; both "
    "settle, and one of them is wrong. The setting is the one with the smallest mean KL divergence of those "
    "at which most fits of both guides converge. Right: every fit of the grid; to the left of the vertical "
    "line its parameters are at rest, between the horizontal lines its standard deviations are right."
)

OTHERS = "#b5b5b5"
"""Colour of the guides that are not compared."""

LINES = {"posterior": "--", "mean field": ":"}


def draw(
    courses: pd.DataFrame,
    optima: pd.DataFrame,
    rest_and_width: pd.DataFrame,
    thresholds: Mapping[str, float],
) -> Figure:
    """Left the loss, middle the variance of x, at one setting; right every fit by R-hat and sd."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.5), width_ratios=(1, 1, 1.25))
    compared = list(courses["guide"].unique())
    for axes, quantity in ((left, "loss"), (middle, "variance")):
        lines = courses[courses["quantity"] == quantity]
        levels = optima[optima["quantity"] == quantity].set_index("distribution")["value"]
        _draw_courses(axes, lines, levels)
        if quantity == "loss":
            axes.set_ylim(levels["posterior"] - 0.4, levels["posterior"] + 3.4)
    left.set_title("loss (nats)")
    middle.set_title("variance of x")
    _draw_questions(right, rest_and_width, thresholds)
    handles = [
        Line2D([], [], color=_style.guide_colour(guide), marker="o", ms=4, label=guide)
        for guide in compared
    ]
    handles += [
        Line2D([], [], color=OTHERS, marker="o", ms=4, ls="none", label="other guides"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="posterior"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls=":", label="best without correlation"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_courses(axes: Axes, lines: pd.DataFrame, levels: pd.Series) -> None:
    """One line per seed, and the exact values as horizontal lines."""
    for guide, rows in lines.groupby("guide", sort=False):
        by_seed = rows.pivot(index="step", columns="seed", values="value")
        colour = _style.guide_colour(str(guide))
        axes.plot(by_seed.index, by_seed.to_numpy(), color=colour, lw=0.6, alpha=0.6)
    for distribution, style in LINES.items():
        axes.axhline(levels[distribution], color=_style.EXACT, lw=0.9, ls=style)
    if lines.empty:
        _style.note(axes, "all fits of both guides failed")
    axes.set_xscale("log")
    axes.set_xlabel("step")


def _draw_questions(axes: Axes, fits: pd.DataFrame, thresholds: Mapping[str, float]) -> None:
    for (guide, compared), rows in fits.groupby(["guide", "compared"], sort=False):
        colour = _style.guide_colour(str(guide)) if compared else OTHERS
        style: dict[str, Any] = {"ms": 3.2, "mew": 0, "color": colour, "alpha": 0.55}
        axes.plot(rows["rhat_excess"], rows["sd_ratio"], "o", **style)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.07, 3)
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    for edge in (1 - thresholds["sd_ratio"], 1 + thresholds["sd_ratio"]):
        axes.axhline(edge, color="#777777", lw=0.8)
    axes.axvline(thresholds["rhat"] - 1, color="#777777", lw=0.8)
    axes.set_xlabel("split R-hat minus 1 (right of the line: still drifting)")
    axes.set_title("sd of the guide / sd of the posterior")
    for height, text in (
        (0.94, "at rest and right:\nbetween the lines"),
        (0.05, "at rest and wrong:\noutside of them"),
    ):
        axes.text(0.03, height, text, va="center", fontsize=7.5, transform=axes.transAxes)
