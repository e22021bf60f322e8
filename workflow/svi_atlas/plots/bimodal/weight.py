"""The weight of the modes has no gradient to follow."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._notes import why_nothing

CAPTION = (
    "The weight of one mode at each step: one panel per step size, one line per seed. The exact weight is one "
    "half (dashed)."
)

GUIDE = "weighted_normal_mixture"

EXACT_WEIGHT = 0.5


def draw(weight_paths: pd.DataFrame) -> Figure:
    """One panel per step size, one line per seed: the weight at each step; exact is one half."""
    if problem := why_nothing(weight_paths, f"{GUIDE} was not fitted"):
        figure, ((axes,),) = _style.panels(1, 1, (6.0, 2.6))
        _style.note(axes, problem)
        return figure
    panels = list(weight_paths.groupby("step_size"))
    figure, (row,) = _style.panels(1, len(panels), (2.4 * len(panels) + 0.6, 2.7), sharey=True)
    for axes, (_, paths) in zip(row, panels, strict=True):
        step_size = _style.plain_number(paths["step_size"].iloc[0])
        axes.set_title(f"step size {step_size}")
        axes.set_xlabel("step")
        _draw_paths(axes, paths)
    row[0].set_ylim(-0.02, 1.02)
    row[0].set_ylabel(f"weight, {_style.particles(weight_paths['num_particles'].iloc[0])}")
    return figure


def _draw_paths(axes: Axes, paths: pd.DataFrame) -> None:
    colour = _style.guide_colour(GUIDE)
    for _, path in paths.groupby("seed", sort=False):
        axes.plot(path["step"], path["weight"], color=colour, lw=0.6, alpha=0.7)
    axes.axhline(EXACT_WEIGHT, color=_style.EXACT, lw=0.9, ls="--")
