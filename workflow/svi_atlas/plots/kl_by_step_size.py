"""How far from the posterior each setting ends, and how much that depends on the seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.families import families
from svi_atlas.plots import _style

CAPTION = (
    "KL divergence from the posterior of the averaged iterate (or, where the evidence is unknown, the ELBO's "
    "distance below the best fit): one point per seed, a line for the median. With too small a step size, "
    "fits do not reach the optimum within their steps; with too large a one, even the average of the "
    "iterates is off it, less so with more particles. Open circles are below their own Monte Carlo error "
    "and drawn at it."
)

COLUMNS = 3


def draw(distances: pd.DataFrame, distance_medians: pd.DataFrame) -> Figure:
    """Distance from the posterior (nats) by step size, one panel per family."""
    guides = families(distances)
    label = distances["measure"].iloc[0]
    counts = distances["num_particles"]
    colours = _style.scale_colours(counts[counts > 0], _style.PARTICLES)
    columns = min(COLUMNS, len(guides))
    rows = -(-len(guides) // columns)
    size = (max(4.5, 3.1 * columns), 2.5 * rows + 0.6)
    figure, grid_axes = _style.panels(rows, columns, size, sharex=True, sharey=True)
    for axes, family in zip(grid_axes.flat, guides, strict=False):
        _draw_guide(axes, family.of(distances), family.of(distance_medians), colours)
        axes.set_title(family.name)
    for axes in grid_axes.flat[len(guides) :]:
        axes.set_axis_off()
    for index, axes in enumerate(grid_axes.flat[: len(guides)]):
        axes.set_yscale("log")
        axes.set_xscale("log")
        if index % columns == 0:
            axes.set_ylabel(label)
        if index + columns >= len(guides):
            axes.set_xlabel("step size")
            axes.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=colour, marker="o", ms=3.5, label=_style.particles(count))
        for count, colour in colours.items()
    ]
    label = "below its Monte Carlo error (drawn at it)"
    handles.append(
        Line2D([], [], color="#777777", marker="o", mfc="none", ms=4, ls="none", label=label)
    )
    per_row = len(handles) if columns > 1 else 2
    figure.legend(handles=handles, loc="outside upper center", ncols=per_row)
    return figure


def _draw_guide(axes: Axes, fits: pd.DataFrame, medians: pd.DataFrame, colours: dict) -> None:
    usable = fits[np.isfinite(fits["distance"])]
    if usable.empty:
        message = fits["message"].dropna()
        text = f"failed: {_style.short(message.iloc[0], 60)}" if len(message) else "no finite value"
        _style.note(axes, text)
        return
    for index, (count, colour) in enumerate(colours.items()):
        cell = usable[usable["num_particles"] == count]
        if cell.empty:
            continue
        offset = 1.22 ** (index - (len(colours) - 1) / 2)
        for resolved, face in ((True, colour), (False, "none")):
            points = cell[cell["resolved"] == resolved]
            axes.scatter(
                points["step_size"] * offset,
                points["distance"],
                s=9,
                facecolor=face,
                edgecolor=colour,
                lw=0.6,
                alpha=0.55,
            )
        line = medians[medians["num_particles"] == count].sort_values("step_size")
        axes.plot(line["step_size"] * offset, line["median"], color=colour, lw=1.4)
