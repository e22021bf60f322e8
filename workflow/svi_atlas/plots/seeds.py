"""How often a setting goes wrong, and by how much, over very many seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from svi_atlas.judgement.families import families
from svi_atlas.plots import _style

CAPTION = (
    "How often a setting goes wrong. Left: the share of seeds whose fit is not adequate, with exact 95 % "
    "intervals. Right: the share of seeds that end farther from the posterior than a given distance. "
    "Colours are step sizes; a dashed line is the larger number of particles."
)


def draw(distances: pd.DataFrame) -> Figure:
    """One row per guide: its rate of fits that are not adequate, and how far its seeds end."""
    rows = families(distances.assign(block="grid"))
    colours = _style.scale_colours(distances["step_size"])
    figure, grid_axes = _style.panels(
        len(rows), 2, (9.0, 1.7 * len(rows) + 0.9), sharex="col", width_ratios=(1.0, 1.5)
    )
    for (left, right), family in zip(grid_axes, rows, strict=True):
        settings = list(family.of(distances).groupby(["num_particles", "step_size"]))
        _draw_rates(left, settings, colours)
        _draw_tails(right, settings, colours)
        left.set_ylabel(family.name, rotation=0, ha="right", va="center", color=_style.EXACT)
    grid_axes[-1, 0].set_xlabel("fits that are not adequate (%)")
    grid_axes[-1, 1].set_xlabel(distances["measure"].iloc[0])
    middle = grid_axes[len(rows) // 2, 1]
    middle.set_ylabel("seeds that end farther away")
    return figure


def _draw_rates(axes: Axes, settings: list, colours: dict) -> None:
    names = []
    for row, ((num_particles, step_size), fits) in enumerate(settings):
        bad, count = int((fits["verdict"] != "adequate").sum()), len(fits)
        interval = stats.binomtest(bad, count).proportion_ci(method="exact")
        ends = [100 * interval.low, 100 * interval.high]
        axes.plot(ends, [row, row], color=colours[step_size], lw=2)
        axes.plot(100 * bad / count, row, "o", ms=4.5, color=colours[step_size])
        names.append(f"{_style.particles(num_particles)}, {_style.plain_number(step_size)}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-3, 103)


def _draw_tails(axes: Axes, settings: list, colours: dict) -> None:
    fewest = min(num_particles for (num_particles, _), _ in settings)
    nothing = True
    for (num_particles, step_size), fits in settings:
        distance = np.sort(fits["distance"].to_numpy(float))
        distance = distance[np.isfinite(distance)]
        if not len(distance):
            continue
        nothing = False
        # A fit without a finite distance is farther than any: the curve ends above zero.
        share = 1 - np.arange(len(distance)) / len(fits)
        style = "-" if num_particles == fewest else "--"
        axes.step(distance, 100 * share, where="post", color=colours[step_size], ls=style, lw=1.3)
    if nothing:
        _style.note(axes, "no fit has a finite distance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(100 / 1500, 130)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.minorticks_off()
