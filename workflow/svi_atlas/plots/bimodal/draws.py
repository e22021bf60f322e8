"""Draws of three fitted families: one that holds the posterior, one that misses a mode, a flow."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._box import show_draws, show_outline

CAPTION = (
    "Draws over the outline of the exact density: for each guide, the seed with the median loss at its best "
    "setting."
)


def draw(typical_draws: pd.DataFrame) -> Figure:
    """One panel per guide: the draws of one fit (last iterate)."""
    guides = [draws for _, draws in typical_draws.groupby("guide", sort=False)]
    figure, (row,) = _style.panels(1, len(guides), (10.6, 4.3), sharey=True)
    for axes, draws in zip(row, guides, strict=True):
        _draw_guide(axes, draws)
    for axes in row[1:]:
        axes.set_ylabel("")
    return figure


def _draw_guide(axes: Axes, draws: pd.DataFrame) -> None:
    guide = draws["guide"].iloc[0]
    if draws["message"].notna().any():
        axes.set_title(guide)
        show_outline(axes)
        _style.note(axes, draws["message"].iloc[0])
        return
    show_draws(axes, draws, _style.guide_colour(guide))
    fit = draws.iloc[0]
    axes.set_title(
        f"{guide}\nloss {fit['final_loss']:.3f}, {_style.particles(fit['num_particles'])}, "
        f"step {_style.plain_number(fit['step_size'])}, {len(draws):,} draws",
        fontsize=8.5,
    )
