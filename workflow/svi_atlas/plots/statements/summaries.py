"""A surrogate that roughly matches gives useful summaries: KL against errors of mean and sd."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.statements._common import SMALLEST_KL, with_kl
from svi_atlas.results.store import Results

NUM_BINS = 12
FEWEST = 8
"""Fits that a bin needs to be shown."""


def draw(results: Results) -> Figure:
    """Every fit with a known KL: left its worst error of a mean, right of a standard deviation.

    Both over KL(q||p), nats, which is drawn at its Monte Carlo error where it is smaller. The line is
    the median within bins of KL, the band 10 to 90 %. Dashed: the largest error a Gaussian guide of
    a Gaussian posterior can have at this KL. Dotted: the limits of the verdict. Below the grey line
    an error is within its own Monte Carlo error.
    """
    table = results.table()
    limits = json.loads(table.attrs["spec"])["thresholds"]
    figure, ((left, right),) = _style.panels(1, 2, (9.6, 3.7), sharex=True)
    fits = with_kl(table, limits["outside_support"])
    if fits.empty:
        for axes in (left, right):
            _style.note(axes, "no fit has a known KL")
        return figure
    fits = fits.assign(
        distance=np.maximum(np.maximum(fits["kl"], fits["kl_se"]), SMALLEST_KL),
        sd_error=np.exp(np.abs(np.log(fits["sd_ratio"]))) - 1,
    )
    guides = [family.guide for family in _fits.families(fits)]
    for axes, name in ((left, "mean_error"), (right, "sd_error")):
        for guide in dict.fromkeys(guides):
            of_guide = fits[fits["guide"] == guide]
            axes.plot(
                of_guide["distance"], np.maximum(of_guide[name], 1e-3), "o", ms=2.6, mew=0,
                color=_style.guide_colour(guide), alpha=0.4,
            )  # fmt: skip
        _draw_median(axes, fits, name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("KL(q‖p) (nats)")
    span = np.geomspace(fits["distance"].min(), fits["distance"].max(), 200)
    shift, (ratio, kl_of_ratio) = np.sqrt(2 * span), _off_in_sd()
    left.plot(span, shift, color=_style.EXACT, lw=1, ls="--")
    shown = (kl_of_ratio > span[0]) & (kl_of_ratio < span[-1])
    right.plot(kl_of_ratio[shown], ratio[shown], color=_style.EXACT, lw=1, ls="--")
    left.axhline(fits["mean_error_se"].median(), color="#999999", lw=0.8, zorder=1)
    right.axhline(fits["sd_ratio_se"].median(), color="#999999", lw=0.8, zorder=1)
    left.axhline(limits["mean_error"], color=_style.EXACT, lw=1, ls=":")
    right.axhline(limits["sd_ratio"], color=_style.EXACT, lw=1, ls=":")
    left.set_title("error of the worst mean (posterior sds)")
    right.set_title("error of the worst sd (factor minus 1)")
    handles = [
        Line2D([], [], color=_style.guide_colour(guide), marker="o", ms=4, ls="none", label=guide)
        for guide in dict.fromkeys(guides)
    ]
    handles += [
        Line2D([], [], color=_style.EXACT, lw=1.6, label="median of the fits"),
        Line2D([], [], color=_style.EXACT, lw=1, ls="--", label="largest of a Gaussian"),
        Line2D([], [], color=_style.EXACT, lw=1, ls=":", label="limit of the verdict"),
        Line2D([], [], color="#999999", lw=0.8, label="error of the measurement"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _off_in_sd() -> tuple[np.ndarray, np.ndarray]:
    """Error of the sd, as a factor minus 1, and KL of a Gaussian guide that is too narrow by it."""
    error = np.geomspace(1e-3, 1e2, 300)
    sd = 1 / (1 + error)
    return error, (sd**2 - 1) / 2 - np.log(sd)


def _draw_median(axes: Axes, fits: pd.DataFrame, name: str) -> None:
    distance, values = fits["distance"].to_numpy(), fits[name].to_numpy()
    first, last = (float(np.quantile(distance, share)) for share in (0.01, 0.99))
    edges = np.geomspace(first, last, NUM_BINS + 1)
    places, bands = [], []
    for low, high in pairwise(edges):
        inside = values[(distance >= low) & (distance < high)]
        enough = len(inside) >= FEWEST
        places.append(np.sqrt(low * high))
        shown = np.quantile(inside, (0.1, 0.5, 0.9)) if enough else np.full(3, np.nan)
        bands.append(np.maximum(shown, 1e-3))
    if places:
        low, median, high = np.transpose(bands)
        axes.fill_between(places, low, high, color="#555555", alpha=0.15, lw=0)
        axes.plot(places, median, color=_style.EXACT, lw=1.6)
