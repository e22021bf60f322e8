"""Loss along the steps: every guide and particle count, median and range over the seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style

CAPTION = (
    "Loss along the steps. The losses of each seed are averaged within bins of steps; lines are medians "
    "over the seeds, bands their 10 % to 90 % range. Losses that are not finite are left out."
)

MAX_LINEAR_RANGE = 1e4
"""A larger range of losses (nats) needs a logarithmic axis."""

LINEAR, NUM_POWERS = 10.0, 3
"""Losses (nats) on the linear part of that axis, and its number of labelled powers of ten per sign."""

COLUMNS = 3
"""Panels in a row, if no guide has several particle counts."""

FIRST_STEP = 5
"""Where the axis of steps begins."""


def draw(losses: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """One panel per family and particle count, one line per step size.

    A family with several particle counts has a row and one axis for itself; the others share rows.
    """
    colours = _style.scale_colours(losses["step_size"].dropna())
    of_family = [rows for _, rows in losses.groupby("family", sort=False)]
    alone = [rows for rows in of_family if rows["num_particles"].nunique() == 1]
    together = [rows for rows in of_family if rows["num_particles"].nunique() > 1]
    columns = max(
        (rows["num_particles"].nunique() for rows in together), default=min(len(alone), COLUMNS)
    )
    num_rows = len(together) + -(-len(alone) // columns)
    size = (max(5.5, 2.7 * columns + 1.2), 1.95 * num_rows + 0.7)
    figure, grid_axes = _style.panels(num_rows, columns, size)
    for place, rows in enumerate([*together, *alone]):
        past = place - len(together)
        panels = grid_axes[place] if past < 0 else grid_axes[len(together) :].flat[past : past + 1]
        _draw_family(panels, rows, colours)
    _set_steps(grid_axes, grid_fits(table)["num_steps"].max())
    handles = [
        Line2D([], [], color=colour, label=f"step size {_style.plain_number(step_size)}")
        for step_size, colour in colours.items()
    ]
    if losses["floor"].notna().any():
        line = Line2D([], [], color=_style.EXACT, lw=0.8, ls="--", label="minus log evidence")
        handles.append(line)
    if handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return figure


def _set_steps(grid_axes: np.ndarray, last: float) -> None:
    """One logarithmic axis of steps for all panels, labelled below the lowest of each column."""
    for axes in grid_axes.flat:
        if not axes.has_data():
            axes.set_axis_off()
        axes.set_xscale("log")
        axes.set_xlim(FIRST_STEP, 1.1 * last)
        axes.xaxis.set_minor_locator(NullLocator())
        below = axes.get_subplotspec().rowspan.stop
        column = axes.get_subplotspec().colspan.start
        if below == len(grid_axes) or not grid_axes[below, column].has_data():
            axes.set_xlabel("step")


def _draw_family(panels: np.ndarray, losses: pd.DataFrame, colours: dict) -> None:
    """One panel for each particle count, on one axis of losses; panels: axes, (panel,)."""
    floor = losses["floor"].iloc[0]
    medians = []
    cells = losses.groupby("num_particles", sort=False)
    for axes, (_, cell) in zip(panels, cells, strict=False):
        count = cell["num_particles"].iloc[0]
        first = axes is panels[0]
        heading = f"{losses['family'].iloc[0]}\n" if first else ""
        axes.set_title(f"{heading}{_style.particles(count)}", fontsize=8.5)
        medians.append(_draw_cell(axes, cell, colours))
        if np.isfinite(floor):
            axes.axhline(floor, color=_style.EXACT, lw=0.8, ls="--", zorder=1)
        if first:
            axes.set_ylabel("loss (nats)")
        else:
            axes.sharey(panels[0])
            axes.tick_params(labelleft=False)
    _set_limits(panels[0], np.concatenate(medians), floor)


def _set_limits(axes: Axes, values: np.ndarray, floor: float) -> None:
    """Show all but the outermost losses, and the floor if it is known."""
    limits = _style.robust_limits(values)
    if limits is None:
        return
    low, high = limits
    if high - low <= MAX_LINEAR_RANGE:
        axes.set_ylim(np.fmin(low, floor - 0.06 * (high - floor)), high)
        return
    low, high = (
        float(np.sign(end) * 3 * max(abs(end), LINEAR))
        for end in np.nanquantile(values[np.isfinite(values)], (0.01, 0.99))
    )
    axes.set_yscale("symlog", linthresh=LINEAR)
    axes.set_ylim(low, high)
    apart = -(-int(np.log10(max(-low, high))) // NUM_POWERS)
    powers = range(apart, 100, apart)
    ticks = [0.0, *(sign * 10.0**power for power in powers for sign in (-1, 1))]
    axes.set_yticks([tick for tick in ticks if low <= tick <= high])
    axes.set_yticks([], minor=True)


def _draw_cell(axes: Axes, cell: pd.DataFrame, colours: dict) -> np.ndarray:
    """Draw the losses of a cell; returns its medians, (step size and bin,)."""
    if cell["message"].notna().any():
        _style.note(axes, f"failed: {_style.short(cell['message'].iloc[0], 60)}")
        return np.array([])
    for step_size, rows in cell.groupby("step_size", sort=False):
        colour = colours[step_size]
        axes.fill_between(rows["step"], rows["low"], rows["high"], color=colour, alpha=0.18, lw=0)
        axes.plot(rows["step"], rows["median"], color=colour, lw=1.2)
    if not np.isfinite(cell["median"]).any():
        _style.note(axes, "no loss is finite")
    return cell["median"].to_numpy()
