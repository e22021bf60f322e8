"""Draws from the tutorial's fitted guides against the exact and the fitted density."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure, fit_title

CAPTION = (
    "(a) Draws from the tutorial's three fitted guides (last iterate), with the exact posterior density "
    "and the density of the fitted guide."
)


def draw(draw_histograms: pd.DataFrame, fitted_densities: pd.DataFrame) -> Figure:
    """One panel per fit: histogram of the draws, exact density, fitted density."""
    if draw_histograms.empty:
        return empty_figure(NO_FITS)
    fits = list(draw_histograms.groupby("label", sort=False))
    figure, (row,) = _style.panels(1, len(fits), (3.2 * len(fits), 3.1), sharey=True)
    for axes, (label, bars) in zip(row, fits, strict=True):
        axes.set_xlabel("fairness f")
        axes.set_title(fit_title(bars))
        if bars["message"].notna().any():
            _style.note(axes, f"failed: {_style.short(bars['message'].iloc[0])}")
            continue
        _draw_fit(axes, bars, fitted_densities[fitted_densities["label"] == label])
    row[0].set_ylabel("density")
    drawn = next((axes for axes in row if axes.lines), row[0])
    figure.legend(*drawn.get_legend_handles_labels(), loc="outside lower center", ncols=len(fits))
    return figure


def _draw_fit(axes: Axes, bars: pd.DataFrame, densities: pd.DataFrame) -> None:
    first = bars.iloc[0]
    edges = [*bars["left"], bars["right"].iloc[-1]]
    axes.hist(
        (bars["left"] + bars["right"]) / 2,
        edges,
        weights=bars["density"],
        color="#cfcfcf",
        label="draws from the guide",
    )
    fairness = densities["fairness"]
    axes.plot(
        fairness, densities["exact"], color=_style.EXACT, lw=1.2, ls="--", label="exact posterior"
    )
    colour = _style.guide_colour(first["guide"])
    axes.plot(fairness, densities["density"], color=colour, label="fitted density")
    axes.set_title(f"{first['num_draws']:,} draws", loc="right", color="#777777", fontsize=8)
    axes.set_xlim(0.15, 1)
