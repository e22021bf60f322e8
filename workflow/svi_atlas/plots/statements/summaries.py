"""A surrogate that roughly matches gives useful summaries: KL against errors of mean and sd."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "Errors of means and standard deviations by KL divergence, one point per fit of the grid (drawn at the "
    "Monte Carlo error of its KL divergence if that is larger). Line: median of the fits, band: their "
    "10 % to 90 % range. Dashed: the largest error that a Gaussian guide of a Gaussian posterior can have. "
    "Dotted: the limit up to which a fit is called adequate. The grey line is the Monte Carlo error of the "
    "measurement."
)

MIN_ERROR = 1e-3
"""Smallest error that is shown."""

TITLES = {
    "mean_error": "error of the worst mean (posterior sds)",
    "sd_error": "error of the worst sd (factor minus 1)",
}

MEASUREMENT = "#999999"
"""Colour of the Monte Carlo error."""


def draw(
    summaries: pd.DataFrame,
    summary_bands: pd.DataFrame,
    gaussian_bounds: pd.DataFrame,
    summary_limits: pd.DataFrame,
) -> Figure:
    """Every fit with a known KL: left its worst error of a mean, right of a standard deviation."""
    figure, (panels,) = _style.panels(1, 2, (9.6, 3.7), sharex=True)
    if summaries.empty:
        for axes in panels:
            _style.note(axes, "no fit has a known KL")
        return figure
    guides = list(dict.fromkeys(summaries["guide"]))
    limits = summary_limits.set_index("quantity")
    for axes, (quantity, title) in zip(panels, TITLES.items(), strict=True):
        _draw_fits(axes, summaries, quantity, guides)
        _draw_median(axes, summary_bands[summary_bands["quantity"] == quantity])
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("KL(q‖p) (nats)")
        bound = gaussian_bounds[gaussian_bounds["quantity"] == quantity]
        axes.plot(bound["distance"], bound["error"], color=_style.EXACT, lw=1, ls="--")
        level, limit = limits.loc[quantity, ["measurement_error", "limit"]]
        axes.axhline(level, color=MEASUREMENT, lw=0.8, zorder=1)
        axes.axhline(limit, color=_style.EXACT, lw=1, ls=":")
        axes.set_title(title)
    figure.legend(handles=_handles(guides), loc="outside lower center", ncols=4)
    return figure


def _draw_fits(axes: Axes, fits: pd.DataFrame, quantity: str, guides: list[str]) -> None:
    for guide in guides:
        rows = fits[fits["guide"] == guide]
        axes.plot(
            rows["distance"],
            np.maximum(rows[quantity], MIN_ERROR),
            "o",
            ms=2.6,
            mew=0,
            color=_style.guide_colour(guide),
            alpha=0.4,
        )


def _draw_median(axes: Axes, bands: pd.DataFrame) -> None:
    low, median, high = (np.maximum(bands[name], MIN_ERROR) for name in ("low", "median", "high"))
    axes.fill_between(bands["distance"], low, high, color="#555555", alpha=0.15, lw=0)
    axes.plot(bands["distance"], median, color=_style.EXACT, lw=1.6)


def _handles(guides: list[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=_style.guide_colour(guide), marker="o", ms=4, ls="none", label=guide)
        for guide in guides
    ]
    for text, colour, width, style in (
        ("median of the fits", _style.EXACT, 1.6, "-"),
        ("largest of a Gaussian", _style.EXACT, 1, "--"),
        ("limit of the verdict", _style.EXACT, 1, ":"),
        ("error of the measurement", MEASUREMENT, 0.8, "-"),
    ):
        handles.append(Line2D([], [], color=colour, lw=width, ls=style, label=text))
    return handles
