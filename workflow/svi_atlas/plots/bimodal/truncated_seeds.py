"""The truncated Cauchy mixture from the origin's start, over 32 seeds."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.bimodal._exact import CAUCHY_SCALE
from svi_atlas.results.store import Results

GUIDE, RUN = "truncated_cauchy_mixture", "particles-16"
TOLERANCE = 0.01
"""Nats within which every seed is required to end."""

COLOURS = ("#0072B2", "#E69F00")


def draw(results: Results) -> Figure:
    """Loss above minus the log evidence by step; its end by seed; where the parameters end."""
    table = results.table()
    rows = table[(table["guide"] == GUIDE) & (table["label"] == RUN)]
    figure, ((left, middle, right),) = _style.panels(1, 3, (10.8, 3.6))
    floor = _fits.negative_log_evidence(results)
    if rows.empty:
        for axes in (left, middle, right):
            _style.note(axes, f"{GUIDE} was not fitted with 16 particles")
        return figure
    fits = results.fit(rows["model"].iloc[0], GUIDE, RUN)
    edges = _fits.log_bins(fits.sizes["step"], 60)
    for colour, step_size in zip(COLOURS, np.unique(rows["step_size"]), strict=False):
        cell = rows[rows["step_size"] == step_size]
        label = f"step size {_style.plain_number(step_size)}"
        loss = fits["loss"].sel(step_size=step_size, method="nearest")
        means = _fits.bin_means(loss.transpose("seed", "step").to_numpy(), edges)
        above = np.where(means - floor > 0, means - floor, np.nan)
        left.plot(_fits.centres(edges), above.T, color=colour, lw=0.5, alpha=0.6)
        middle.errorbar(
            cell["seed"], cell["final_loss"], cell["final_loss_se"], fmt="o", ms=3, lw=0.8,
            color=colour, label=label,
        )  # fmt: skip
        right.plot(cell["derived.theta_degrees"], cell["param.sig2_q"], "o", ms=3.5, alpha=0.75,
                   color=colour)  # fmt: skip
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_xlabel("step")
    left.set_title("loss above minus log evidence (nats)")
    middle.axhline(floor, color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence")
    middle.axhspan(floor, floor + TOLERANCE, color="#dddddd", lw=0, zorder=0,
                   label=f"within {TOLERANCE:g} nats")  # fmt: skip
    middle.set_xlabel("seed")
    middle.set_title("final loss (nats)")
    right.axhline(CAUCHY_SCALE, color=_style.EXACT, lw=0.9, ls="--")
    right.axvline(45, color=_style.EXACT, lw=0.9, ls="--")
    right.set_xlabel("theta (degrees)")
    right.set_title("sig2_q at the end; exact values dashed")
    handles = middle.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
