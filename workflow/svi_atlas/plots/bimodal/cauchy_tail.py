"""Why a Cauchy tail gives an infinite loss: it leaves the ridge, and it leaves the box."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._box import show_log_density

CAPTION = (
    "Left: the tail of one mode for four angles theta, over the log density. Middle: the log density along "
    "it, dotted beyond the edge of the box (dot), where the model's is minus infinity. Only at exactly 45° "
    "does it fall like that of a Cauchy. Right: losses that are not finite, medians over the seeds. More "
    "particles meet the outside more often."
)

ANGLE_COLOURS = ("#222222", "#0072B2", "#E69F00", "#D55E00")


def draw(cauchy_tails: pd.DataFrame, nonfinite_shares: pd.DataFrame) -> Figure:
    """Where the tail goes; the log density along it; the share of losses that are not finite."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (11.4, 3.7))
    show_log_density(left)
    left.set_title("the tail of one mode, by angle")
    tails = cauchy_tails.groupby("angle", sort=False)
    for colour, (angle, tail) in zip(ANGLE_COLOURS, tails, strict=True):
        inside = tail[tail["inside"]]
        left.plot(inside["x"], inside["y"], color=colour, lw=1.3, label=f"{angle:g}°")
        _draw_along(middle, tail, colour)
    middle.set_xscale("log")
    middle.set_ylim(-60, 3)
    middle.set_xlabel("u2, distance along the tail")
    middle.set_title("log density along it (nats)")
    left.legend(loc="lower left", title="theta", title_fontsize=8)
    _draw_shares(right, nonfinite_shares)
    return figure


def _draw_along(axes: Axes, tail: pd.DataFrame, colour: str) -> None:
    edge = tail.index[tail["inside"]][-1]
    inside, outside = tail.loc[:edge], tail.loc[edge:]
    axes.plot(inside["u2"], inside["log_density"], color=colour, lw=1.5)
    axes.plot(outside["u2"], outside["log_density"], color=colour, lw=1.0, ls=":")
    axes.plot(tail.loc[edge, "u2"], tail.loc[edge, "log_density"], "o", color=colour, ms=4)


def _draw_shares(axes: Axes, shares: pd.DataFrame) -> None:
    for _, rows in shares.groupby("guide", sort=False):
        for _, line in rows.groupby("num_particles"):
            guide, count = line[["guide", "num_particles"]].iloc[0]
            style = "-" if count == rows["num_particles"].max() else ":"
            label = f"{guide}, {_style.particles(count)}"
            colour = _style.guide_colour(guide)
            axes.plot(
                line["step_size"],
                line["percent"],
                style,
                marker="o",
                ms=3,
                color=colour,
                label=label,
            )
    axes.set_xscale("log")
    axes.set_ylim(-3, 153)
    axes.set_yticks([0, 20, 40, 60, 80, 100])
    axes.set_xlabel("step size")
    axes.set_title("losses that are not finite (%)")
    if shares.empty:
        _style.note(axes, "no fit of these guides succeeded")
        return
    axes.legend(loc="upper center", fontsize=6.8, ncols=1, borderaxespad=0.1, labelspacing=0.25)
