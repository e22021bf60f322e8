"""The parameters of the guide `beta` at each step, for all seeds."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import empty_figure

CAPTION = (
    "alpha_q and beta_q of the guide beta at each step: one line per seed, dashed lines for the exact "
    "values. The step sizes are too small on the left and too large on the right."
)

COLOURS = {"alpha_q": "#0072B2", "beta_q": "#E69F00"}


def draw(beta_paths: pd.DataFrame) -> Figure:
    """One row for the fewest and one for the most particles, one column per step size."""
    if beta_paths.empty:
        return empty_figure("The grid of this configuration does not have the guide beta.")
    counts = sorted(beta_paths["num_particles"].unique())
    step_sizes = sorted(beta_paths["step_size"].unique())
    size = (2.35 * len(step_sizes) + 0.8, 2.3 * len(counts) + 0.7)
    figure, grid = _style.panels(len(counts), len(step_sizes), size, sharex=True, sharey=True)
    for row, count in zip(grid, counts, strict=True):
        row[0].set_ylabel(f"{_style.particles(count)}\nparameter")
        cell = beta_paths[beta_paths["num_particles"] == count]
        for axes, step_size in zip(row, step_sizes, strict=True):
            _draw_setting(axes, cell[cell["step_size"] == step_size])
    for axes, step_size in zip(grid[0], step_sizes, strict=True):
        axes.set_title(f"step size {_style.plain_number(step_size)}")
    for axes in grid[-1]:
        axes.set_xlabel("step")
    _style.set_robust_ylim(grid[0, 0], beta_paths["value"].to_numpy(float), 0.005)
    exact = beta_paths.groupby("parameter")["exact"].first()
    handles = [Line2D([], [], color=colour, label=name) for name, colour in COLOURS.items()]
    label = " and ".join(f"{exact[name]:g}" for name in COLOURS)
    handles.append(Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label=f"exact: {label}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _draw_setting(axes: Axes, paths: pd.DataFrame) -> None:
    messages = paths["message"].dropna()
    if len(messages):
        _style.note(axes, f"failed: {_style.short(messages.iloc[0], 40)}")
        return
    for name, colour in COLOURS.items():
        rows = paths[paths["parameter"] == name]
        lines = rows.pivot(index="step", columns="seed", values="value")
        axes.plot(lines.index, lines.to_numpy(), color=colour, lw=0.5, alpha=0.6)
        axes.axhline(rows["exact"].iloc[0], color=_style.EXACT, lw=0.9, ls="--")
