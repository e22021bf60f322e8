"""Covariance entries, principal sds and angle of every guide, with their spread over the seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style
from svi_atlas.plots.rotated_gaussian._gaussian import EXACT, MODEL, QUANTITIES, of_fits, quantities
from svi_atlas.plots.rotated_gaussian.draws import TUTORIAL_RUN
from svi_atlas.results.store import Results

NAMES = {
    "var_first": "variance of x",
    "var_second": "variance of y",
    "cov": "covariance",
    "sd_short": "sd, short axis",
    "sd_long": "sd, long axis",
    "angle_degrees": "angle (degrees)",
}
LIMITS = {
    "var_first": (-0.3, 8), "var_second": (-0.3, 8), "cov": (-0.7, 7), "sd_short": (0, 1.8),
    "sd_long": (0, 4), "angle_degrees": (20, 70),
}  # fmt: skip
PUBLISHED = {
    "var_first": 4.918, "var_second": 5.177, "cov": 4.03, "sd_short": 1.01, "sd_long": 3.01,
    "angle_degrees": 90 - 44.08,
}  # fmt: skip
"""What the origin prints; its angle is measured from the y axis, as its covariance shows."""


def draw(results: Results) -> Figure:
    """A row a guide, a column a quantity: median and 10 to 90 % range over the seeds by step size."""
    fits = of_fits(results)
    grid = grid_fits(fits)
    guides = list(grid["guide"].unique())
    exact = quantities(EXACT[MODEL])
    colours = _style.scale_colours(grid["num_particles"], _style.PARTICLES)
    size = (9.6, 1.02 * len(guides) + 0.95)
    figure, panels = _style.panels(len(guides), len(QUANTITIES), size, sharex=True, sharey="col")
    for axes_row, guide in zip(panels, guides, strict=True):
        of_guide = grid[grid["guide"] == guide]
        for axes, name in zip(axes_row, QUANTITIES, strict=True):
            if of_guide[name].notna().any():
                axes.axhline(exact[name], color=_style.EXACT, lw=0.9, ls="--", zorder=1)
            _draw_spread(axes, of_guide, name, colours)
        if guide == "AutoMultivariateNormal":
            _draw_origin(axes_row, fits[fits["label"] == TUTORIAL_RUN])
        draws = (of_guide["source"] == "draws").all()
        axes_row[0].set_ylabel(
            _broken(guide) + ("\n(from draws)" if draws else ""), rotation=0, ha="right",
            va="center", color=_style.EXACT,
        )  # fmt: skip
    for axes, name in zip(panels[0], QUANTITIES, strict=True):
        axes.set_title(NAMES[name])
        axes.set_xscale("log")
        axes.set_ylim(*LIMITS[name])
    for axes in panels[-1]:
        axes.set_xlabel("step size")
        axes.set_xticks([1e-4, 1e-3, 1e-2, 1e-1])
        axes.tick_params(axis="x", labelsize=7)
    handles = [
        Line2D([], [], color=colour, marker="o", ms=3.5, label=_style.particles(count))
        for count, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact"),
        Line2D([], [], color=_style.WRONG, marker="x", ms=5, ls="none", label="published"),
        Line2D([], [], color=_style.WRONG, marker="D", mfc="none", ms=4.5, ls="none",
               label="the origin's run, here"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _broken(guide: str) -> str:
    """A long class name on several lines."""
    if len(guide) > 12:
        for word in ("Multivariate", "Approximation", "Normal"):
            guide = guide.replace(word, f"\n{word}")
    return guide


def _draw_spread(axes: Axes, fits: pd.DataFrame, name: str, colours: dict) -> None:
    for index, (count, colour) in enumerate(colours.items()):
        cell = fits[(fits["num_particles"] == count) & np.isfinite(fits[name])]
        if cell.empty:
            continue
        low, median, high = (cell.groupby("step_size")[name].quantile(q) for q in (0.1, 0.5, 0.9))
        aside = 1.5 ** (index - (len(colours) - 1) / 2)
        spread = [median - low, high - median]
        axes.errorbar(
            median.index * aside, median, spread, fmt="o", ms=2.6, lw=1.1, color=colour, mew=0
        )
    if fits[name].isna().all() and name == "angle_degrees":
        _style.note(axes, "no angle:\nno correlation")


def _draw_origin(axes_row: np.ndarray, origin: pd.DataFrame) -> None:
    if origin.empty:
        return
    fit = origin.iloc[0]
    for axes, name in zip(axes_row, QUANTITIES, strict=True):
        axes.plot(fit["step_size"] * 0.87, PUBLISHED[name], "x", ms=4.5, color=_style.WRONG)
        axes.plot(fit["step_size"] * 1.15, fit[name], "D", ms=3.6, mfc="none", color=_style.WRONG)
