"""Loss along the origin's three runs: settled to the eye."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from svi_atlas.plots import _fits, _style
from svi_atlas.results.store import Results

RUNS = ("tutorial_beta_1_particle", "tutorial_beta_32_particles", "tutorial_normal")
BAND = "#c9c9c9"
NUM_BINS = 200
WINDOW_SHARE = 0.05
"""Share of the steps over which the median and the mean run."""


def draw(results: Results) -> Figure:
    """A panel a run: 5 to 95 % range of the losses, running median and mean, minus log evidence."""
    floor = _fits.negative_log_evidence(results)
    figure, (row,) = _style.panels(1, len(RUNS), (9.6, 3.2))
    for axes, run in zip(row, RUNS, strict=True):
        fit = _fits.named_fit(results, run)
        guide, count = fit.attrs["guide"], int(fit.attrs["num_particles"])
        axes.set_title(f"{guide}, {_style.particles(count)}")
        axes.set_xlabel("step")
        if "message" in fit.attrs:
            _style.note(axes, f"failed: {_style.short(fit.attrs['message'])}")
        else:
            _draw_loss(axes, fit["loss"].to_numpy().astype(float), _style.guide_colour(guide))
        axes.axhline(floor, color=_style.EXACT, lw=0.9, ls="--")
    row[0].set_ylabel("loss (nats)")
    handles = [
        Patch(color=BAND, label="losses, 5 to 95 %"),
        Line2D([], [], color="#777777", label="running median"),
        Line2D([], [], color="#777777", ls=":", label="running mean"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence"),
        Line2D([], [], color=_style.EXACT, marker="v", ms=5, ls="none", label="infinite loss"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_loss(axes: Axes, loss: np.ndarray, colour: str) -> None:
    finite = np.where(np.isfinite(loss), loss, np.nan)
    edges = _fits.even_bins(len(loss), NUM_BINS)
    steps = _fits.centres(edges)
    bands = [_fits.quantiles(finite[low:high], (0.05, 0.95)) for low, high in pairwise(edges)]
    low, high = np.transpose(bands)
    half = max(1, round(WINDOW_SHARE * len(loss) / 2))
    windows = [finite[max(0, int(step) - half) : int(step) + half] for step in steps]
    median = np.array([_fits.quantiles(window, (0.5,))[0] for window in windows])
    mean = np.array([_fits.bin_means(window, np.array([0, len(window)]))[0] for window in windows])
    axes.fill_between(steps, low, high, color=BAND, lw=0)
    axes.plot(steps, median, color=colour)
    axes.plot(steps, mean, color=colour, ls=":", lw=1.2)
    limits = _style.robust_limits(np.concatenate([low, high]), 0.01)
    if limits:
        axes.set_ylim(*limits)
    infinite = np.flatnonzero(~np.isfinite(loss)) + 1
    if len(infinite):
        top = np.full(len(infinite), 0.975)
        where = axes.get_xaxis_transform()
        axes.plot(infinite, top, "v", color=_style.EXACT, ms=5, transform=where, clip_on=False)
