"""The atlas: which guide, particle count and step size gives which verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from svi_atlas.formatting import humanise
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style

CAPTION = (
    "Share of the seeds with each verdict, by guide, particle count and step size. The number above a "
    "bar counts its adequate fits."
)


def draw(table: pd.DataFrame) -> Figure:
    """One row per family, one column per particle count, one bar per step size: seeds by verdict."""
    table = grid_fits(table)
    rows = families(table)
    known = table[table["step_size"].notna()]  # a search that failed has found none
    if known.empty:
        return _style.empty_figure("all fits failed")
    step_sizes = {
        count: sorted(known.loc[known["num_particles"] == count, "step_size"].unique())
        for count in sorted(known["num_particles"].unique())
    }
    widths = [len(sizes) + 0.6 for sizes in step_sizes.values()]
    figure, grid_axes = _style.panels(
        len(rows),
        len(step_sizes),
        (max(5.5, 0.45 * sum(widths) + 2.0), 1.0 * len(rows) + 1.2),
        sharex="col",
        sharey=True,
        width_ratios=widths,
    )
    for row, family in enumerate(rows):
        for axes, (count, shown) in zip(grid_axes[row], step_sizes.items(), strict=True):
            fits = family.of(table)
            _draw_cell(axes, fits[fits["num_particles"] == count], shown)
            if row == 0:
                axes.set_title(_style.particles(count), loc="center", pad=15)
        grid_axes[row, 0].set_ylabel(
            family.name, rotation=0, ha="right", va="center", color=_style.EXACT
        )
    for axes, shown in zip(grid_axes[-1], step_sizes.values(), strict=True):
        labels = [_style.plain_number(step_size) for step_size in shown]
        axes.set_xticks(range(len(shown)), labels)
        axes.set_xlabel("step size")
    present = [name for name in _style.VERDICT_COLOURS if (table["verdict"] == name).any()]
    handles = [Patch(color=_style.VERDICT_COLOURS[name], label=humanise(name)) for name in present]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _draw_cell(axes: Axes, cell: pd.DataFrame, step_sizes: list[float]) -> None:
    bottom = np.zeros(len(step_sizes))
    by_step_size = cell.groupby("step_size")["verdict"]
    shares = by_step_size.value_counts(normalize=True).unstack(fill_value=0)
    shares = shares.reindex(step_sizes, fill_value=0.0)
    for verdict, colour in _style.VERDICT_COLOURS.items():
        if verdict in shares:
            height = shares[verdict].to_numpy()
            axes.bar(range(len(step_sizes)), height, 0.86, bottom, color=colour, lw=0)
            bottom += height
    for index, step_size in enumerate(step_sizes):
        verdicts = cell.loc[cell["step_size"] == step_size, "verdict"]
        if len(verdicts):
            text = str((verdicts == "adequate").sum())
            axes.text(index, 1.03, text, ha="center", va="bottom", fontsize=7, color="#555555")
    axes.set_xlim(-0.5, len(step_sizes) - 0.5)
    axes.set_ylim(0, 1.0)
    axes.set_yticks([])
    axes.grid(False)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
