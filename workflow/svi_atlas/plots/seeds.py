"""How often a setting goes wrong, and by how much, over very many seeds."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.judgement.families import families
from svi_atlas.plots import _style

CAPTION = (
    "How often a setting goes wrong. Left: the share of seeds whose fit is not adequate, with exact 95 % "
    "intervals. Right: the share of seeds that end farther from the posterior than a given distance. "
    "Colours are step sizes; a dashed line is the larger number of particles."
)


def draw(
    inadequate_rates: pd.DataFrame, distance_tails: pd.DataFrame, distances: pd.DataFrame
) -> Figure:
    """One row per family: its rate of fits that are not adequate, and how far its seeds end."""
    rows = families(distances)
    colours = _style.scale_colours(distances["step_size"].dropna())
    figure, panels = _style.panels(
        len(rows), 2, (9.0, 1.7 * len(rows) + 0.9), sharex="col", width_ratios=(1.0, 1.5)
    )
    for (left, right), family in zip(panels, rows, strict=True):
        _draw_rates(left, family.of(inadequate_rates), colours)
        _draw_tails(right, family.of(distance_tails), min(family.labels), colours)
        left.set_ylabel(family.name, rotation=0, ha="right", va="center", color=_style.EXACT)
    panels[-1, 0].set_xlabel("fits that are not adequate (%)")
    panels[-1, 1].set_xlabel(distances["measure"].iloc[0])
    panels[len(rows) // 2, 1].set_ylabel("seeds that end farther away")
    return figure


def _draw_rates(axes: Axes, rates: pd.DataFrame, colours: dict) -> None:
    if rates.empty:
        _style.note(axes, "all fits failed")
        return
    names = []
    rates = rates.sort_values(["num_particles", "step_size"])
    rows: list[Any] = list(rates.itertuples())
    for place, row in enumerate(rows):
        colour = colours[row.step_size]
        axes.plot([100 * row.low, 100 * row.high], [place, place], color=colour, lw=2)
        axes.plot(100 * row.rate, place, "o", ms=4.5, color=colour)
        step_size = _style.plain_number(row.step_size)
        names.append(f"{_style.particles(row.num_particles)}, {step_size}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-3, 103)


def _draw_tails(axes: Axes, tails: pd.DataFrame, fewest: int, colours: dict) -> None:
    """Draw the share of seeds beyond each distance; dashed above the fewest particles."""
    for (num_particles, step_size), rows in tails.groupby(["num_particles", "step_size"]):
        style = "-" if num_particles == fewest else "--"
        axes.step(
            rows["distance"],
            100 * rows["share"],
            where="post",
            color=colours[step_size],
            ls=style,
            lw=1.3,
        )
    if tails.empty:
        _style.note(axes, "no fit has a finite distance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(100 / 1500, 130)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.minorticks_off()
