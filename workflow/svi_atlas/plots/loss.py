"""Loss along the steps: every guide and particle count, median and spread over the seeds."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from svi_atlas.plots import _fits, _style
from svi_atlas.results.store import Results

NUM_BINS = 60
UNBOUNDED = 1e4
"""A range of losses (nats) that only a logarithmic axis shows."""

LINEAR, NUM_POWERS = 10.0, 3
"""Losses (nats) on the linear part of that axis, and its number of labelled powers of ten a sign."""

COLUMNS = 3
"""Panels in a row, if no guide has several particle counts."""


def draw(results: Results) -> Figure:
    """A panel a guide and particle count, a line a step size.

    A guide with several particle counts has a row of its own and one axis; the others share rows.
    Each seed's losses are first averaged within bins of steps; the line is the median over the
    seeds, the band their 10 to 90 % range (nats). Losses that are not finite are left out. A guide
    fitted as a point has a loss without entropy: minus the log evidence is no floor to it.
    """
    table = results.table()
    families = _fits.families(table)
    grid = table[table["label"].isin({run for family in families for run in family.runs.values()})]
    colours = _style.scale_colours(grid["step_size"])
    alone = [family for family in families if len(family.runs) == 1]
    together = [family for family in families if len(family.runs) > 1]
    columns = max((len(family.runs) for family in together), default=min(len(alone), COLUMNS))
    rows = len(together) + -(-len(alone) // columns)
    size = (max(5.5, 2.7 * columns + 1.2), 1.95 * rows + 0.7)
    figure, grid_axes = _style.panels(rows, columns, size)
    last = grid["num_steps"].max()
    for place, family in enumerate([*together, *alone]):
        past = place - len(together)
        panels = grid_axes[place] if past < 0 else grid_axes[len(together) :].flat[past : past + 1]
        _draw_family(panels, results, family, colours)
    for axes in grid_axes.flat:
        if not axes.has_data():
            axes.set_axis_off()
        axes.set_xscale("log")
        axes.set_xlim(_fits.FIRST_BIN / 2, 1.1 * last)
        axes.xaxis.set_minor_locator(NullLocator())
        below = axes.get_subplotspec().rowspan.stop
        if below == rows or not grid_axes[below, axes.get_subplotspec().colspan.start].has_data():
            axes.set_xlabel("step")
    handles = [
        Line2D([], [], color=colour, label=f"step size {_style.plain_number(step_size)}")
        for step_size, colour in colours.items()
    ]
    if any(np.isfinite(_floor(results, family)) for family in families):
        line = Line2D([], [], color=_style.EXACT, lw=0.8, ls="--", label="minus log evidence")
        handles.append(line)
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 5))
    return figure


def _floor(results: Results, family: _fits.Family) -> float:
    """Minus the log evidence; NaN if unknown, or no bound on the family's loss."""
    point = family.guide in _fits.POINT_GUIDES
    return np.nan if point else _fits.negative_log_evidence(results, family.model)


def _draw_family(panels: np.ndarray, results: Results, family: _fits.Family, colours: dict) -> None:
    """A panel for each particle count, on one axis of losses; panels: axes, (panel,)."""
    floor = _floor(results, family)
    shown: list[np.ndarray] = []
    for axes, (count, run) in zip(panels, family.runs.items(), strict=False):
        first = axes is panels[0]
        heading = f"{family.label}\n" if first else ""
        axes.set_title(f"{heading}{_style.particles(count)}", fontsize=8.5)
        shown += _draw_cell(axes, results.fit(family.model, family.guide, run), colours)
        if np.isfinite(floor):
            axes.axhline(floor, color=_style.EXACT, lw=0.8, ls="--", zorder=1)
        if first:
            axes.set_ylabel("loss (nats)")
        else:
            axes.sharey(panels[0])
            axes.tick_params(labelleft=False)
    if shown:
        _set_limits(panels[0], np.concatenate(shown), floor)


def _set_limits(axes: Axes, values: np.ndarray, floor: float) -> None:
    """Show all but the outermost losses, and the floor if it is known."""
    limits = _style.robust_limits(values)
    if limits is None:
        return
    low, high = limits
    if high - low <= UNBOUNDED:
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
