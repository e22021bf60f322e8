"""Draws of fitted guides over the outline of the exact density."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._exact import HALF_BOX, box, log_density

LEVELS = (-6.0, -3.0, -1.0)
"""Outlines of the exact density, nats below its peak."""


def show_draws(axes: Axes, fit: xr.Dataset, colour: str, most: int = 5000) -> int:
    """The first `most` draws (last iterate) of one fit; returns how many there are."""
    last = fit.sel(iterate="last")
    x, y = (last[f"site.{site}"].to_numpy().ravel()[:most] for site in ("x", "y"))
    axes.plot(x, y, ".", ms=2.2, color=colour, alpha=0.55, mew=0, rasterized=True)
    outline(axes)
    return len(x)


def outline(axes: Axes) -> None:
    """Contours of the exact density."""
    grid = np.linspace(-HALF_BOX, HALF_BOX, 301)
    values = log_density(*np.meshgrid(grid, grid))
    axes.contour(
        grid, grid, values - values.max(), levels=LEVELS, colors=_style.EXACT, linewidths=0.6,
        linestyles="solid", alpha=0.7,
    )  # fmt: skip
    box(axes)
