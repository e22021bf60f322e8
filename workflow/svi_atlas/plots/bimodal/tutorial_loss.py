"""Loss along the origin's run of the Normal mixture."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.bimodal._exact import normal_mixture_optimum
from svi_atlas.results.store import Results

RUN = "tutorial_normal_mixture"
BAND = "#c9c9c9"
NUM_BINS = 200


def draw(results: Results) -> Figure:
    """Left the whole run on a log scale, right its second half; mean and spread within bins."""
    fit = _fits.named_fit(results, RUN)
    colour = _style.guide_colour("normal_mixture")
    optimum = normal_mixture_optimum()[1]
    floor = _fits.negative_log_evidence(results)
    figure, (row,) = _style.panels(1, 2, (9.2, 3.3))
    count = _style.particles(int(fit.attrs["num_particles"]))
    row[0].set_title(f"the origin's run, {count}")
    row[1].set_title("its second half")
    row[0].set_ylabel("loss (nats)")
    for axes in row:
        axes.set_xlabel("step")
        if "message" in fit.attrs:
            _style.note(axes, f"failed: {_style.short(fit.attrs['message'])}")
            continue
        axes.axhline(optimum, color=_style.EXACT, lw=0.9, ls=":")
        axes.axhline(floor, color=_style.EXACT, lw=0.9, ls="--")
    if "message" not in fit.attrs:
        loss = fit["loss"].to_numpy().astype(float)
        _draw(row[0], loss, 0, colour)
        _draw(row[1], loss, len(loss) // 2, colour)
        row[0].set_yscale("log")
        row[0].set_yticks([4, 5, 10, 20, 40], ["4", "5", "10", "20", "40"], minor=False)
        row[0].set_yticks([], minor=True)
    handles = [
        Patch(color=BAND, label="losses, 5 to 95 %"),
        Line2D([], [], color=colour, label="mean"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls=":", label="best Normal mixture"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw(axes: Axes, loss: np.ndarray, start: int, colour: str) -> None:
    chosen = np.where(np.isfinite(loss), loss, np.nan)[start:]
    edges = _fits.even_bins(len(chosen), NUM_BINS)
    steps = start + _fits.centres(edges)
    bins = [chosen[low:high] for low, high in pairwise(edges)]
    low, high = np.transpose([_fits.quantiles(values, (0.05, 0.95)) for values in bins])
    axes.fill_between(steps, low, high, color=BAND, lw=0)
    axes.plot(steps, _fits.bin_means(chosen, edges), color=colour, lw=1.1)
