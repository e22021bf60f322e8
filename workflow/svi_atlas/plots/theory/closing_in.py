"""The Beta guide closing in on the posterior: the density at the steps at which KL has shrunk."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure

CAPTION = (
    "Beta guide (line) and posterior (grey) along the same fit, at the steps at which the KL divergence "
    "has shrunk by equal factors; the last panel is the end of the fit."
)

COLUMNS = 4


def draw(closing_in: pd.DataFrame) -> Figure:
    """Panels in reading order: the start, then equal ratios of KL(q||p), then the end."""
    if closing_in.empty:
        return empty_figure(NO_FITS)
    points = [rows for _, rows in closing_in.groupby("panel")]
    num_rows = -(-len(points) // COLUMNS)
    size = (9.6, 2.15 * num_rows)
    figure, grid = _style.panels(num_rows, COLUMNS, size, sharex=True, sharey=True)
    for axes, point in zip(grid.flat, points, strict=True):
        _draw_point(axes, point)
    for axes in grid[-1]:
        axes.set_xlabel("fairness f")
    for axes in grid[:, 0]:
        axes.set_ylabel("density")
    colour = _style.guide_colour("beta")
    first = closing_in.iloc[0]
    handles = [
        Patch(color="#d9d9d9", label=f"posterior Beta({first['alpha']:g}, {first['beta']:g})"),
        Line2D([], [], color=colour, label="guide q"),
        Line2D([], [], color=colour, lw=0.8, alpha=0.35, label="guide, in the panels before"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    for place, axes in enumerate(grid.flat):
        for point in points[:place]:
            axes.plot(point["fairness"], point["density"], color=colour, lw=0.8, alpha=0.25)
    return figure


def _draw_point(axes: Axes, point: pd.DataFrame) -> None:
    first = point.iloc[0]
    axes.fill_between(point["fairness"], point["posterior"], color="#d9d9d9", lw=0)
    axes.plot(point["fairness"], point["density"], color=_style.guide_colour("beta"))
    axes.set_title("start" if first["step"] == 0 else f"step {first['step']:,.0f}")
    kl = _style.plain_number(float(f"{first['kl']:.2g}"))
    text = f"KL {kl}\nBeta({first['alpha_q']:.2f},\n       {first['beta_q']:.2f})"
    axes.text(0.02, 0.96, text, transform=axes.transAxes, va="top", fontsize=7.5, color="#444444")
    axes.set_xlim(0.1, 1)
    axes.set_ylim(0, 4.6)
