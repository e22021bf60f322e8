"""The exact density beside draws from it and from a full-rank and a mean-field guide."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style
from svi_atlas.plots.rotated_gaussian._gaussian import (
    EXACT,
    GUIDES,
    MODEL,
    at_setting,
    covariance_of,
    draw_ellipses,
    shared_setting,
    typical_fit,
)
from svi_atlas.results.store import Results

TUTORIAL_RUN = "tutorial_full_rank"
NUM_DRAWS = 5000
REACH = 8.5


def draw(results: Results) -> Figure:
    """Four panels: density, exact draws, the origin's full-rank fit, a mean-field fit that converged."""
    table = results.table()
    figure, (row,) = _style.panels(1, 4, (9.6, 3.15), sharex=True, sharey=True)
    _draw_density(row[0])
    row[0].set_title("exact density")
    reference = results.reference(MODEL)
    exact = np.stack([reference[f"draw.{site}"].to_numpy() for site in ("x", "y")], -1)
    _draw_points(row[1], exact[:NUM_DRAWS], "#777777", "exact")
    setting = shared_setting(table)
    for axes, guide in zip(row[2:], GUIDES, strict=True):
        origin = table[(table["label"] == TUTORIAL_RUN) & (table["guide"] == guide)]
        typical = typical_fit(at_setting(table, MODEL, guide, setting))
        fit = origin.iloc[0] if len(origin) else typical
        if fit is None or fit["verdict"] == "failed":
            axes.set_title(guide)
            _style.note(axes, "no fit" if fit is None else f"failed: {fit['message']}")
            continue
        cell = results.fit(MODEL, guide, fit["label"]).sel(
            iterate="last", seed=fit["seed"], step_size=fit["step_size"]
        )
        points = np.stack([cell[f"site.{site}"].to_numpy() for site in ("x", "y")], -1)
        _draw_points(axes, points[:NUM_DRAWS], _style.guide_colour(guide), guide)
    for axes in row:
        draw_ellipses(axes, EXACT[MODEL], _style.EXACT, lw=1.0, ls="--")
        axes.set_xlim(-REACH, REACH)
        axes.set_ylim(-REACH, REACH)
        axes.set_aspect("equal")
        axes.set_xlabel("x")
    row[0].set_ylabel("y")
    handles = [
        Line2D([], [], color=_style.EXACT, lw=1.0, ls="--", label="exact, 1 and 2 sd"),
        Line2D([], [], color="#777777", lw=1.6, label="of the draws, in their colour"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_density(axes: Axes) -> None:
    line = np.linspace(-REACH, REACH, 161)
    x, y = np.meshgrid(line, line)
    precision = np.linalg.inv(EXACT[MODEL])
    square = precision[0, 0] * x**2 + 2 * precision[0, 1] * x * y + precision[1, 1] * y**2
    extent = (-REACH, REACH, -REACH, REACH)
    axes.imshow(np.exp(-square / 2), extent=extent, origin="lower", cmap="Greys", vmax=1.25)
    axes.grid(False)


def _draw_points(axes: Axes, points: np.ndarray, colour: str, title: str) -> None:
    axes.plot(*points.T, ".", ms=1.6, color=colour, alpha=0.35, mew=0, rasterized=True)
    covariance = covariance_of(points)
    draw_ellipses(axes, covariance, colour, points.mean(0), lw=1.6)
    axes.set_title(title)
    axes.text(
        0.03, 0.97, f"{len(points):,} draws\nvariances {covariance[0, 0]:.2f}, {covariance[1, 1]:.2f}"
        f"\ncovariance {covariance[0, 1]:.2f}".replace("-", "\N{MINUS SIGN}"), transform=axes.transAxes, va="top", fontsize=7.5,
        color="#444444",
    )  # fmt: skip
