"""Why auto_scale_tril is not the covariance of a constrained parameter, and the conversion."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from svi_atlas.plots import _style
from svi_atlas.plots.rotated_gaussian._gaussian import (
    EXACT,
    at_setting,
    covariance_of,
    draw_ellipses,
    typical_fit,
)
from svi_atlas.results.store import Results

MODEL, GUIDE = "positive", "AutoMultivariateNormal"
NAIVE, RIGHT, DRAWN = _style.WRONG, "#0072B2", "#E69F00"
ENTRIES = {(1, 1): "variance of x", (0, 1): "covariance of x and s", (0, 0): "variance of s"}


def draw(results: Results) -> Figure:
    """Left (x, ln s), middle (x, s) with two ellipses, right the entries over all seeds."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.5), width_ratios=(1, 1, 1.15))
    fit = typical_fit(at_setting(results.table(), MODEL, GUIDE))
    if fit is None:
        for axes in (left, middle, right):
            _style.note(axes, f"no fit of {GUIDE} to {MODEL}")
        return figure
    cell = results.fit(MODEL, GUIDE, fit["label"]).sel(iterate="last", step_size=fit["step_size"])
    one = cell.sel(seed=fit["seed"])
    mean, scale = one["param.auto_loc"].to_numpy(), one["param.auto_scale_tril"].to_numpy()
    naive = scale @ scale.T
    x, s = one["site.x"].to_numpy(), one["site.s"].to_numpy()
    _draw_points(left, x, np.log(s))
    _ellipses(left, naive, mean, NAIVE)
    left.set_title("where the guide lives: x and ln s")
    left.set_xlabel("x")
    left.set_ylabel("ln s")
    _draw_points(middle, x, s)
    _ellipses(middle, naive, np.array([np.exp(mean[0]), mean[1]]), NAIVE)
    centre, right_one = log_normal(mean, naive)
    _ellipses(middle, right_one, centre, RIGHT)
    middle.set_title("what the reader wants: x and s")
    middle.set_xlabel("x")
    middle.set_ylabel("s")
    middle.set_ylim(-0.5, 4)
    _draw_entries(right, cell)
    handles = [
        Line2D([], [], color=NAIVE, lw=1.8, label="L Lᵀ, 1 and 2 sd"),
        Line2D([], [], color=RIGHT, lw=1.8, label="converted, 1 and 2 sd"),
        Line2D([], [], color=DRAWN, marker="o", ms=4, ls="none", label="draws of the guide"),
        Line2D([], [], color=_style.EXACT, marker="|", ms=9, mew=1.6, ls="none", label="exact"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def log_normal(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (..., 2) and covariance (..., 2, 2) of (s, x) when (ln s, x) is Gaussian with these."""
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    variance = covariance[..., 0, 0]
    of_s = np.exp(mean[..., 0] + variance / 2)
    converted = covariance.copy()
    converted[..., 0, 0] = np.expm1(variance) * of_s**2
    converted[..., 0, 1] = converted[..., 1, 0] = covariance[..., 0, 1] * of_s
    return np.stack([of_s, mean[..., 1]], -1), converted


def _draw_points(axes: Axes, x: np.ndarray, other: np.ndarray) -> None:
    axes.plot(x, other, ".", ms=1.8, color=DRAWN, alpha=0.4, mew=0, rasterized=True)
    axes.set_xlim(-1.8, 1.8)


def _ellipses(axes: Axes, covariance: np.ndarray, mean: np.ndarray, colour: str) -> None:
    """The first coordinate of the guide is s, which is drawn upwards."""
    draw_ellipses(axes, covariance[::-1, ::-1], colour, tuple(mean[::-1]), lw=1.6)


def _draw_entries(axes: Axes, cell: xr.Dataset) -> None:
    """A point a seed for L L^T, its conversion and the draws; the exact entry as a bar."""
    mean, scale = cell["param.auto_loc"].to_numpy(), cell["param.auto_scale_tril"].to_numpy()
    naive = scale @ np.swapaxes(scale, -1, -2)
    draws = np.stack([cell["site.s"].to_numpy(), cell["site.x"].to_numpy()], -1)
    found = (
        (naive, NAIVE, "L Lᵀ"),
        (log_normal(mean, naive)[1], RIGHT, "converted"),
        (covariance_of(draws), DRAWN, "draws"),
    )
    exact = log_normal(np.zeros(2), EXACT[MODEL])[1]
    places, labels = [], []
    for row, (entry, name) in enumerate(ENTRIES.items()):
        for line, (values, colour, label) in enumerate(found):
            place = -(4 * row + line)
            places.append(place)
            labels.append(label)
            seeds = values[..., entry[0], entry[1]]
            axes.plot(
                seeds, np.full(seeds.shape, place), "o", ms=3.4, color=colour, alpha=0.55, mew=0
            )
            axes.plot(exact[entry], place, "|", ms=11, mew=1.6, color=_style.EXACT)
        axes.text(0.01, -4 * row + 0.62, name, fontsize=8, transform=axes.get_yaxis_transform())
    axes.set_yticks(places, labels)
    axes.set_ylim(-10.6, 1.4)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(f"entries, {cell.sizes['seed']} seeds")
    axes.grid(axis="y", visible=False)
