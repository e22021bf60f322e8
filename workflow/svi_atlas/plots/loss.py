"""Loss along the steps: every guide and particle count, median and spread over the seeds."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator, SymmetricalLogLocator

from svi_atlas.plots import _fits, _style
from svi_atlas.store import Results

NUM_BINS = 60
UNBOUNDED = 1e4
"""A range of losses (nats) that only a logarithmic axis shows."""


def draw(results: Results) -> Figure:
    """A row a guide, a column a particle count, a line a step size.

    Each seed's losses are first averaged within bins of steps; the line is the median over the
    seeds, the band their 10 to 90 % range (nats). Losses that are not finite are left out.
    """
    table = results.table()
    families = _fits.families(table)
    counts = sorted({count for family in families for count in family.runs})
    grid = table[table["run"].isin({run for family in families for run in family.runs.values()})]
    colours = _style.scale_colours(grid["step_size"])
    floors = {
        family.model: _fits.negative_log_evidence(results, family.model) for family in families
    }
    size = (max(5.5, 2.7 * len(counts) + 1.2), 1.75 * len(families) + 1.0)
    figure, grid_axes = _style.panels(len(families), len(counts), size, sharex=True, sharey="row")
    for row, family in enumerate(families):
        shown: list[np.ndarray] = []
        floor = floors[family.model]
        for axes, count in zip(grid_axes[row], counts, strict=True):
            heading = family.label.replace("\n", " ") if count == counts[0] else ""
            if row == 0:
                heading += f"\n{_style.particles(count)}"
            axes.set_title(heading, fontsize=8.5)
            if count in family.runs:
                fits = results.fit(family.model, family.guide, family.runs[count])
                shown += _draw_cell(axes, fits, colours)
            if np.isfinite(floor):
                axes.axhline(floor, color=_style.EXACT, lw=0.8, ls="--", zorder=1)
            axes.set_xscale("log")
            axes.xaxis.set_minor_locator(NullLocator())
        if np.isfinite(floor):
            shown.append(np.array([floor]))
        if shown:
            _set_limits(grid_axes[row, 0], np.concatenate(shown))
        grid_axes[row, 0].set_ylabel("loss (nats)")
    for axes in grid_axes[-1]:
        axes.set_xlabel("step")
    handles = [
        Line2D([], [], color=colour, label=f"step size {_style.plain_number(step_size)}")
        for step_size, colour in colours.items()
    ]
    if np.isfinite(list(floors.values())).any():
        line = Line2D([], [], color=_style.EXACT, lw=0.8, ls="--", label="minus log evidence")
        handles.append(line)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return figure


def _set_limits(axes: Axes, values: np.ndarray) -> None:
    limits = _style.robust_limits(values)
    if limits is None:
        return
    if limits[1] - limits[0] > UNBOUNDED:
        axes.set_yscale("symlog", linthresh=10)
        locator = SymmetricalLogLocator(base=10, linthresh=10)
        locator.set_params(numticks=4)
        axes.yaxis.set_major_locator(locator)
    axes.set_ylim(*limits)


def _draw_cell(axes: Axes, fits: xr.Dataset, colours: dict) -> list[np.ndarray]:
    if "message" in fits.attrs:
        _style.note(axes, f"failed: {_style.short(fits.attrs['message'], 60)}")
        return []
    edges = _fits.log_bins(fits.sizes["step"], NUM_BINS)
    steps = _fits.centres(edges)
    medians = []
    for step_size in fits["step_size"].to_numpy():
        loss = fits["loss"].sel(step_size=step_size).to_numpy()
        by_seed = _fits.bin_means(loss, edges)
        low, median, high = _fits.quantiles(by_seed, (0.1, 0.5, 0.9))
        axes.fill_between(steps, low, high, color=colours[step_size], alpha=0.18, lw=0)
        axes.plot(steps, median, color=colours[step_size], lw=1.2)
        medians.append(median)
    if not np.isfinite(np.concatenate(medians)).any():
        _style.note(axes, "no loss is finite")
    return medians
