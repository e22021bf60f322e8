"""Where every guide ends, against what its family can reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.bimodal._exact import normal_mixture_optimum, one_mode_optimum
from svi_atlas.results.store import Results

NO_ELBO = ("AutoLaplaceApproximation",)
"""Guides whose loss is that of a point: minus the ELBO of their draws is shown in its place."""

LIMITS = (4.2, 7.6)
"""Losses above are drawn at the upper one."""

MANY_INFINITE = 0.01
"""Share of infinite losses from which a point is drawn open."""


def draw(results: Results) -> Figure:
    """Mean of the last losses: a point a seed, a bar the median; a line a particle count.

    Of each particle count the step size with the smallest median is shown. Open points are of
    guides with infinite losses, whose finite losses are averaged.
    """
    table = grid_fits(results.table())
    table = table[table["verdict"] != "failed"]
    laplace = table["guide"].isin(NO_ELBO)
    table = table.assign(final=table["final_loss"].mask(laplace, -table["elbo"]))
    colours = _style.scale_colours(table["num_particles"], _style.PARTICLES)
    guides = list(dict.fromkeys(table["guide"]))
    figure, ((axes,),) = _style.panels(1, 1, (9.2, 0.52 * len(guides) + 1.5))
    for row, guide in enumerate(guides):
        fits = table[table["guide"] == guide]
        counts = sorted(fits["num_particles"].unique())
        for index, count in enumerate(counts):
            place = row + 0.72 * ((index + 0.5) / len(counts) - 0.5)
            _draw_cell(axes, fits[fits["num_particles"] == count], place, colours[count])
    lines = {
        "minus log evidence": (_fits.negative_log_evidence(results), "--"),
        "best Normal mixture": (normal_mixture_optimum()[1], ":"),
        "best single Normal": (one_mode_optimum(), "-."),
    }
    for value, style in lines.values():
        axes.axvline(value, color=_style.EXACT, lw=1.0, ls=style, zorder=1)
    labels = [f"{guide}\n(minus ELBO)" if guide in NO_ELBO else guide for guide in guides]
    axes.set_yticks(range(len(guides)), labels, fontsize=7.5)
    axes.set_ylim(len(guides) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(guides)):
        axes.axhline(row - 0.5, color="#e6e6e6", lw=0.6)
    axes.set_xlim(*LIMITS)
    axes.set_xlabel("final loss (nats)")
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4, ls="none", label=_style.particles(count))
        for count, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=_style.EXACT, lw=1.0, ls=style, label=f"{name}, {value:.4f}")
        for name, (value, style) in lines.items()
    ]
    handles.append(
        Line2D([], [], color="#777777", marker="o", mfc="none", ms=4, ls="none",
               label="over 1 % of the losses infinite")
    )  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_cell(axes: Axes, fits: pd.DataFrame, place: float, colour) -> None:
    finite = fits[np.isfinite(fits["final"])]
    if finite.empty:
        return
    best = finite.groupby("step_size")["final"].median().idxmin()
    chosen = finite[finite["step_size"] == best]
    infinite = chosen["nonfinite"] > MANY_INFINITE
    for part, face in ((chosen[infinite], "none"), (chosen[~infinite], colour)):
        shown = part["final"].clip(upper=LIMITS[1])
        axes.scatter(shown, np.full(len(shown), place), s=14, facecolor=face, edgecolor=colour,
                     lw=0.7, alpha=0.65, clip_on=False)  # fmt: skip
    axes.plot(chosen["final"].median(), place, "|", ms=10, mew=1.6, color=colour)
