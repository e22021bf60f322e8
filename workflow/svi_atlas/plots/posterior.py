"""Marginal densities of the fit to use, beside the reference."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "Marginal densities of the posterior: draws from the first adequate fit of the recommended setting (or, if none "
    "can be recommended, from the best of the setting that came closest) as a filled histogram, and the reference as "
    "a black line. Where the two differ the fit is wrong."
)

COLUMNS = 4


def draw(marginals: pd.DataFrame) -> Figure:
    """One panel per component."""
    groups = list(marginals.groupby(["model", "component"], sort=False))
    columns = min(COLUMNS, max(1, len(groups)))
    rows = -(-max(1, len(groups)) // columns)
    size = (max(4.5, 2.1 * columns), 1.7 * rows + 0.5)
    figure, grid_axes = _style.panels(rows, columns, size)
    several_models = marginals["model"].nunique() > 1
    for axes, ((model, component), bins) in zip(grid_axes.flat, groups, strict=False):
        guide = bins["guide"].iloc[0]
        edges = [*bins["left"], bins["right"].iloc[-1]]
        axes.stairs(bins["fitted"], edges, fill=True, color=_style.guide_colour(guide), alpha=0.45)
        if bins["reference"].notna().all():
            axes.stairs(bins["reference"], edges, color=_style.EXACT, linewidth=1.1)
        name = f"{model}: {component}" if several_models else str(component)
        axes.set_title(_style.short(name, 24))
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=4)
    for axes in grid_axes.flat[len(groups) :]:
        axes.set_axis_off()
    if not groups:
        _style.note(grid_axes.flat[0], "no fit to show")
        return figure
    handles = [
        Line2D([], [], color=_style.guide_colour(guide), linewidth=6, alpha=0.45, label=guide)
        for guide in marginals["guide"].unique()
    ]
    handles.append(Line2D([], [], color=_style.EXACT, linewidth=1.1, label="reference"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 3))
    return figure
