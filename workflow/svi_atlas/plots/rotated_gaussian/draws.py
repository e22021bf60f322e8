"""The exact density beside draws from it and from a full-rank and a mean-field guide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.formatting import MINUS
from svi_atlas.plots import _style
from svi_atlas.plots.rotated_gaussian._ellipses import covariance_matrix, draw_ellipses

CAPTION = (
    "The exact density, draws from it, draws from the tutorial's full-rank fit, and draws from a "
    "mean-field fit that has converged. Dashed lines are contours of the exact density, solid lines those "
    "of a Gaussian with the mean and the covariance of the draws."
)

HALF_WIDTH = 8.5
"""The panels show x and y from -HALF_WIDTH to HALF_WIDTH."""

DRAWN = "#777777"
"""Colour of the exact draws."""


def draw(draws: pd.DataFrame, draw_moments: pd.DataFrame) -> Figure:
    """Four panels: the density, exact draws, and the draws of the two guides."""
    figure, (row,) = _style.panels(1, 4, (9.6, 3.15), sharex=True, sharey=True)
    moments = {row["panel"]: row for _, row in draw_moments.iterrows()}
    posterior = moments.pop("posterior")
    _draw_density(row[0], posterior)
    for axes, panel in zip(row[1:], moments, strict=True):
        axes.set_title(panel)
        if pd.notna(moments[panel]["message"]):
            _style.note(axes, _style.short(moments[panel]["message"], 60))
            continue
        colour = DRAWN if panel == "exact" else _style.guide_colour(panel)
        _draw_points(axes, draws[draws["panel"] == panel], moments[panel], colour)
    for axes in row:
        draw_ellipses(axes, posterior, _style.EXACT, lw=1.0, ls="--")
        axes.set_xlim(-HALF_WIDTH, HALF_WIDTH)
        axes.set_ylim(-HALF_WIDTH, HALF_WIDTH)
        axes.set_aspect("equal")
        axes.set_xlabel("x")
    row[0].set_ylabel("y")
    handles = [
        Line2D([], [], color=_style.EXACT, lw=1.0, ls="--", label="exact, 1 and 2 sd"),
        Line2D([], [], color=DRAWN, lw=1.6, label="of the draws, in their colour"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_density(axes: Axes, posterior: pd.Series) -> None:
    """Shade the Gaussian with these moments, centred at 0."""
    line = np.linspace(-HALF_WIDTH, HALF_WIDTH, 161)
    x, y = np.meshgrid(line, line)
    precision = np.linalg.inv(covariance_matrix(posterior))
    square = precision[0, 0] * x**2 + 2 * precision[0, 1] * x * y + precision[1, 1] * y**2
    extent = (-HALF_WIDTH, HALF_WIDTH, -HALF_WIDTH, HALF_WIDTH)
    axes.imshow(np.exp(-square / 2), extent=extent, origin="lower", cmap="Greys", vmax=1.25)
    axes.grid(False)
    axes.set_title("exact density")


def _draw_points(axes: Axes, points: pd.DataFrame, moments: pd.Series, colour: str) -> None:
    axes.plot(
        points["x"], points["y"], ".", ms=1.6, color=colour, alpha=0.35, mew=0, rasterized=True
    )
    draw_ellipses(axes, moments, colour, lw=1.6)
    text = (
        f"{int(moments['num_draws']):,} draws\n"
        f"variances {moments['var_first']:.2f}, {moments['var_second']:.2f}\n"
        f"covariance {moments['cov']:.2f}"
    ).replace("-", MINUS)
    options: dict[str, Any] = {"va": "top", "fontsize": 7.5, "color": "#444444"}
    axes.text(0.03, 0.97, text, transform=axes.transAxes, **options)
