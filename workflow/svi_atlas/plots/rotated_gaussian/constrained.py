"""Why auto_scale_tril is not the covariance of a constrained parameter, and the conversion."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from svi_atlas.plots import _style
from svi_atlas.plots.rotated_gaussian._ellipses import draw_ellipses

CAPTION = (
    "Left: in the space of the guide, L Lᵀ is the covariance. Middle: the same draws in the space of the "
    "parameters, where it is not. Right: the entries of the covariance, one point per seed, and the exact "
    "values as bars."
)

COLOURS = {"naive": _style.WRONG, "converted": "#0072B2", "draws": "#E69F00"}
LABELS = {"naive": "L Lᵀ", "converted": "converted", "draws": "draws"}
ENTRIES = ("variance of x", "covariance of x and s", "variance of s")


def draw(
    positive_draws: pd.DataFrame, positive_ellipses: pd.DataFrame, positive_moments: pd.DataFrame
) -> Figure:
    """Left (x, ln s), middle (x, s) with two ellipses, right the entries over all seeds."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.5), width_ratios=(1, 1, 1.15))
    if positive_draws.empty:
        for axes in (left, middle, right):
            _style.note(axes, "no fit of the full-rank guide\nto the model with s > 0")
        return figure
    for axes, space, name in ((left, "log_s", "ln s"), (middle, "s", "s")):
        style: dict[str, Any] = {"ms": 1.8, "color": COLOURS["draws"], "alpha": 0.4, "mew": 0}
        axes.plot(positive_draws["x"], positive_draws[space], ".", rasterized=True, **style)
        axes.set_xlim(-1.8, 1.8)
        ellipses = positive_ellipses[positive_ellipses["space"] == space]
        for _, ellipse in ellipses.iterrows():
            draw_ellipses(axes, ellipse, COLOURS[ellipse["estimate"]], lw=1.6)
        axes.set_xlabel("x")
        axes.set_ylabel(name)
    left.set_title("where the guide lives: x and ln s")
    middle.set_title("what the reader wants: x and s")
    middle.set_ylim(-0.5, 4)
    _draw_entries(right, positive_moments)
    exact: dict[str, Any] = {
        "color": _style.EXACT,
        "ls": "none",
        "marker": "|",
        "ms": 9,
        "mew": 1.6,
    }
    handles = [
        Line2D([], [], color=COLOURS["naive"], lw=1.8, label="L Lᵀ, 1 and 2 sd"),
        Line2D([], [], color=COLOURS["converted"], lw=1.8, label="converted, 1 and 2 sd"),
        Line2D(
            [], [], color=COLOURS["draws"], marker="o", ms=4, ls="none", label="draws of the guide"
        ),
        Line2D([], [], label="exact", **exact),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_entries(axes: Axes, moments: pd.DataFrame) -> None:
    """One point per seed for L Lᵀ, its conversion and the draws; the exact entry as a bar."""
    heights, labels = [], []
    for row, quantity in enumerate(ENTRIES):
        for line, (estimate, colour) in enumerate(COLOURS.items()):
            height = -(4 * row + line)
            heights.append(height)
            labels.append(LABELS[estimate])
            fits = moments[(moments["quantity"] == quantity) & (moments["estimate"] == estimate)]
            style: dict[str, Any] = {"ms": 3.4, "color": colour, "alpha": 0.55, "mew": 0}
            axes.plot(fits["value"], [height] * len(fits), "o", **style)
            bar: dict[str, Any] = {"ms": 11, "mew": 1.6, "color": _style.EXACT}
            axes.plot(fits["exact"].iloc[0], height, "|", **bar)
        axes.text(0.01, -4 * row + 0.62, quantity, fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_yticks(heights, labels)
    axes.set_ylim(-10.6, 1.4)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(f"entries, {moments['seed'].nunique()} seeds")
    axes.grid(axis="y", visible=False)
