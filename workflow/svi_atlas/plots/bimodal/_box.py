"""Drawing of the exact density and of draws over its outline, in the box where x and y lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.image import AxesImage

from svi_atlas.plots import _style
from svi_atlas.problems.bimodal.exact import HALF_BOX, log_density

SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#9ecae1", "#2171b5", "#08306b"])

MIN_LOG_DENSITY = -20.0
"""Nats below the peak; lower values have the colour of this one."""

LEVELS = (-6.0, -3.0, -1.0)
"""Outlines of the exact density, nats below its peak."""


def show_density(axes: Axes) -> AxesImage:
    """The exact density, relative to its peak, as an image over the box."""
    return _show_image(axes, np.exp(_log_density_below_peak(401)))


def show_log_density(axes: Axes) -> AxesImage:
    """The exact log density, in nats below its peak, as an image over the box."""
    return _show_image(axes, np.maximum(_log_density_below_peak(401), MIN_LOG_DENSITY))


def show_draws(axes: Axes, draws: pd.DataFrame, colour: str) -> None:
    """Draws with columns `x` and `y` over the outline of the exact density."""
    axes.plot(draws["x"], draws["y"], ".", ms=2.2, color=colour, alpha=0.55, mew=0, rasterized=True)
    show_outline(axes)


def show_outline(axes: Axes) -> None:
    """Contours of the exact density."""
    grid = np.linspace(-HALF_BOX, HALF_BOX, 301)
    values = _log_density_below_peak(301)
    axes.contour(
        grid, grid, values, levels=LEVELS, colors=_style.EXACT, linewidths=0.6,
        linestyles="solid", alpha=0.7,
    )  # fmt: skip
    _set_box(axes)


def _log_density_below_peak(num_points: int) -> np.ndarray:
    """On a square grid over the box: (y, x), each `num_points` long."""
    grid = np.linspace(-HALF_BOX, HALF_BOX, num_points)
    values = log_density(*np.meshgrid(grid, grid))
    return values - values.max()


def _show_image(axes: Axes, values: np.ndarray) -> AxesImage:
    image = axes.imshow(
        values, origin="lower", extent=(-HALF_BOX, HALF_BOX) * 2, cmap=SHADES,
        interpolation="bilinear", aspect="equal",
    )  # fmt: skip
    _set_box(axes)
    return image


def _set_box(axes: Axes) -> None:
    """Axes over the box, equal in x and y."""
    axes.set_xlim(-HALF_BOX, HALF_BOX)
    axes.set_ylim(-HALF_BOX, HALF_BOX)
    axes.set_aspect("equal")
    ticks = np.linspace(-HALF_BOX, HALF_BOX, 5)
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid(False)
