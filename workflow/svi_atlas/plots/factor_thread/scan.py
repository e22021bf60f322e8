"""A factor guide falls without bound: the expected loss, and the fits by step size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.factor_thread._exact import expected_loss
from svi_atlas.results.store import Results

MODEL = "factor"
LINEAR = 10.0
COLOURS = {guide: _style.guide_colour(guide) for guide in ("factor", "sample")}


def draw(results: Results) -> Figure:
    """Expected loss by sig_q; final loss and final sig1_q by step size, a point a seed."""
    table = grid_fits(results.table())
    table = table[table["model"] == MODEL]
    floor = _fits.negative_log_evidence(results, MODEL)
    figure, ((left, middle, right),) = _style.panels(1, 3, (11.2, 4.0))
    sig = np.geomspace(1e-4, 10, 600)
    for guide, colour in COLOURS.items():
        left.plot(sig, expected_loss(MODEL, guide, sig, 2 * sig), color=colour)
    left.set_xscale("log")
    _signed_log(left, 9)
    left.set_xlabel("sig1_q (sig2_q twice as large)")
    left.set_title("expected loss (nats)")
    counts = sorted(table["num_particles"].unique())
    for guide, colour in COLOURS.items():
        for index, count in enumerate(counts):
            chosen = (table["guide"] == guide) & (table["num_particles"] == count)
            aside = 1.25 ** (index - (len(counts) - 1) / 2)
            marker = "osD^v"[index % 5]
            _points(middle, table[chosen], "final_loss", aside, marker, colour)
            _points(right, table[chosen], "param.sig1_q", aside, marker, colour)
    _signed_log(middle, 20)
    for axes in (left, middle):
        axes.axhline(floor, color=_style.EXACT, lw=0.9, ls="--")
    right.axhline(1.0, color=_style.EXACT, lw=0.9, ls="--")
    right.set_yscale("log")
    for axes in (middle, right):
        axes.set_xscale("log")
        axes.set_xlabel("step size")
    middle.set_title("final loss (nats)")
    right.set_title("final sig1_q (exact 1)")
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4, label=f"{guide} guide")
        for guide, colour in COLOURS.items()
    ]
    handles += [
        Line2D([], [], color="#777777", marker="osD^v"[index % 5], ms=4, ls="none",
               label=_style.particles(count))
        for index, count in enumerate(counts)
    ]  # fmt: skip
    handles.append(
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence; exact")
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _points(
    axes: Axes, fits: pd.DataFrame, column: str, aside: float, marker: str, colour: str
) -> None:
    axes.scatter(
        fits["step_size"] * aside, fits[column], s=10, marker=marker, facecolor="none",
        edgecolor=colour, lw=0.7, alpha=0.7,
    )  # fmt: skip


def _signed_log(axes: Axes, decades: int) -> None:
    """A log axis in both signs down to minus 10 to the power of `decades`."""
    axes.set_yscale("symlog", linthresh=LINEAR)
    powers = range(decades, 1, -max(2, decades // 5))
    labels = [rf"$-10^{{{power}}}$" for power in powers] + ["0", "10", "1,000"]
    axes.set_yticks([-(10.0**power) for power in powers] + [0, 10, 1000], labels)
    axes.set_yticks([], minor=True)
    axes.set_ylim(-(10.0**decades), 1e4)
