"""Why a Cauchy tail gives an infinite loss: it leaves the ridge, and it leaves the box."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._exact import HALF_BOX, B, log_density, show_density
from svi_atlas.results.store import Results

ANGLES = {45.0: "#222222", 44.0: "#0072B2", 40.0: "#E69F00", 30.0: "#D55E00"}
"""Degrees, and colours."""

GUIDES = ("cauchy_mixture", "cauchy_mixture_fixed_angle", "truncated_cauchy_mixture")


def draw(results: Results) -> Figure:
    """Where the tail goes; the log density along it; the share of losses that are not finite."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (11.4, 3.7))
    show_density(left, "log")
    left.set_title("the tail of one mode, by angle")
    along = np.geomspace(0.5, 1500.0, 4000)
    for angle, colour in ANGLES.items():
        theta = np.radians(angle)
        x = np.cos(theta) * B - np.sin(theta) * along
        y = np.cos(theta) * along + np.sin(theta) * B
        inside = np.maximum(np.abs(x), np.abs(y)) < HALF_BOX
        left.plot(x[inside], y[inside], color=colour, lw=1.3, label=f"{angle:g}°")
        fall = log_density(x, y)
        edge = int(np.flatnonzero(inside)[-1])
        middle.plot(along[: edge + 1], fall[: edge + 1], color=colour, lw=1.5)
        middle.plot(along[edge:], fall[edge:], color=colour, lw=1.0, ls=":")
        middle.plot(along[edge], fall[edge], "o", color=colour, ms=4)
    middle.set_xscale("log")
    middle.set_ylim(-60, 3)
    middle.set_xlabel("u2, distance along the tail")
    middle.set_title("log density along it (nats)")
    left.legend(loc="lower left", title="theta", title_fontsize=8)
    _shares(right, grid_fits(results.table()))
    return figure


def _shares(axes: Axes, table: pd.DataFrame) -> None:
    for guide in GUIDES:
        of_guide = table[table["guide"] == guide]
        counts = sorted(of_guide["num_particles"].unique())
        for count, line in dict(zip([*counts[:1], *counts[-1:]], ":-", strict=False)).items():
            fits = of_guide[of_guide["num_particles"] == count]
            shares = 100 * fits.groupby("step_size")["nonfinite"].median()
            label = f"{guide}, {_style.particles(count)}"
            colour = _style.guide_colour(guide)
            axes.plot(shares.index, shares, line, marker="o", ms=3, color=colour, label=label)
    axes.set_xscale("log")
    axes.set_ylim(-3, 153)
    axes.set_yticks([0, 20, 40, 60, 80, 100])
    axes.set_xlabel("step size")
    axes.set_title("losses that are not finite (%)")
    axes.legend(loc="upper center", fontsize=6.8, ncols=1, borderaxespad=0.1, labelspacing=0.25)
