"""More particles smooth the loss: by how much, and whether as one over their square root."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style

CAPTION = (
    "Standard deviation of the loss by number of particles: median over the seeds, with bars for their "
    "10 % to 90 % range, of the guides fitted with several numbers of particles. Dashed: one over the "
    "square root of the number of particles, starting at the value with the fewest."
)

COLUMNS = 3


def draw(loss_noise_ranges: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """One panel per guide, one line per step size: standard deviation of the loss by particles."""
    grid = grid_fits(table)
    guides = [rows for _, rows in loss_noise_ranges.groupby(["model", "guide"], sort=False)]
    if not guides:
        return _style.empty_figure("no guide was fitted with several numbers of particles")
    colours = _style.scale_colours(grid["step_size"])
    columns = min(COLUMNS, len(guides))
    num_rows = -(-len(guides) // columns)
    size = (max(4.5, 3.1 * columns), 2.35 * num_rows + 0.7)
    figure, panels = _style.panels(num_rows, columns, size, sharex=True, sharey=True)
    for axes, ranges in zip(panels.flat, guides, strict=False):
        axes.set_title(ranges["family"].iloc[0])
        axes.set_yscale("log")
        if ranges["note"].notna().any():
            _style.note(axes, ranges["note"].iloc[0])
        else:
            _draw_guide(axes, ranges, colours)
    for axes in panels.flat[len(guides) :]:
        axes.set_axis_off()
    compared = grid["guide"].isin(loss_noise_ranges["guide"])
    _label_axes(panels, len(guides), sorted(grid.loc[compared, "num_particles"].unique()))
    handles = [
        Line2D([], [], color=colour, marker="o", ms=3.5, label=f"step {_style.plain_number(step)}")
        for step, colour in colours.items()
    ]
    handles.append(
        Line2D([], [], color="#777777", lw=0.9, ls="--", label="as 1 / √particles, from the first")
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _label_axes(panels: np.ndarray, used: int, counts: list[int]) -> None:
    columns = panels.shape[1]
    for index, axes in enumerate(panels.flat[:used]):
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        if index % columns == 0:
            axes.set_ylabel("sd of the loss (nats)")
        if index + columns >= used:
            axes.set_xlabel("particles")
            axes.tick_params(labelbottom=True)


def _draw_guide(axes: Axes, ranges: pd.DataFrame, colours: dict) -> None:
    for index, (step_size, colour) in enumerate(colours.items()):
        rows = ranges[ranges["step_size"] == step_size].sort_values("num_particles")
        if rows.empty:
            continue
        offset = 1.06 ** (index - (len(colours) - 1) / 2)
        places = rows["num_particles"].to_numpy() * offset
        low, median, high = (rows[name].to_numpy() for name in ("low", "median", "high"))
        bars = [median - low, high - median]
        axes.errorbar(places, median, bars, fmt="o-", ms=3, lw=1.2, color=colour, mew=0)
        axes.plot(places, rows["expected"], color=colour, lw=0.9, ls="--")
