"""Converged and adequate are two questions: the mean-field guide converges and is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.rotated_gaussian._gaussian import EXACT, GUIDES, MODEL, shared_setting
from svi_atlas.results.store import Results

MEAN_FIELD_VARIANCE = 1.0 / np.linalg.inv(EXACT[MODEL])[0, 0]
"""The exact optimum of a guide without correlation: the inverse of the precision's diagonal."""
MEAN_FIELD_KL = 0.5 * float(np.log(np.linalg.det(EXACT[MODEL]) / MEAN_FIELD_VARIANCE**2))
NUM_BINS = 60


def draw(results: Results) -> Figure:
    """Left the loss, middle the variance of x, at one setting; right every fit by R-hat and sd.

    Shown is the setting with the smallest mean KL of those in which most fits of both guides
    converge.
    """
    table = results.table()
    grid = grid_fits(table)
    grid = grid[grid["model"] == MODEL]
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.5), width_ratios=(1, 1, 1.25))
    floor = _fits.negative_log_evidence(results, MODEL)
    run, step_size = shared_setting(table)
    for guide in GUIDES:
        if ((grid["guide"] == guide) & (grid["label"] == run)).any():
            _draw_course(
                left, middle, results.fit(MODEL, guide, run).sel(step_size=step_size), guide
            )
    for height, style in ((floor, "--"), (floor + MEAN_FIELD_KL, ":")):
        left.axhline(height, color=_style.EXACT, lw=0.9, ls=style)
    for height, style in ((EXACT[MODEL][0, 0], "--"), (MEAN_FIELD_VARIANCE, ":")):
        middle.axhline(height, color=_style.EXACT, lw=0.9, ls=style)
    left.set_ylim(floor - 0.4, floor + 3.4)
    left.set_title("loss (nats)")
    middle.set_title("variance of x")
    for axes in (left, middle):
        axes.set_xscale("log")
        axes.set_xlabel("step")
    _draw_questions(right, grid, json.loads(table.attrs["spec"])["thresholds"])
    handles = [
        Line2D([], [], color=_style.guide_colour(guide), marker="o", ms=4, label=guide)
        for guide in GUIDES
    ]
    handles += [
        Line2D([], [], color="#b5b5b5", marker="o", ms=4, ls="none", label="other guides"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="posterior"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls=":", label="best without correlation"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_course(left: Axes, middle: Axes, cell: xr.Dataset, guide: str) -> None:
    """A line a seed."""
    colour = _style.guide_colour(guide)
    edges = _fits.log_bins(cell.sizes["step"], NUM_BINS)
    loss = _fits.bin_means(cell["loss"].to_numpy(), edges)
    left.plot(_fits.centres(edges), loss.T, color=colour, lw=0.6, alpha=0.6)
    last = cell.sizes["snapshot"] - 1
    shown = np.unique(np.geomspace(1, last + 1, NUM_BINS).round().astype(int)) - 1
    cell = cell.isel(snapshot=shown)
    variance = _variance_of_x(cell, guide)
    middle.plot(cell["snapshot_step"], variance.T, color=colour, lw=0.6, alpha=0.6)


def _variance_of_x(cell: xr.Dataset, guide: str) -> np.ndarray:
    """Variance of x of the guide at the snapshots, (seed, snapshot)."""
    if guide == "AutoNormal":
        return cell["path.x_auto_scale"].transpose("seed", "snapshot").to_numpy() ** 2
    scale = cell["path.auto_scale_tril"].transpose("seed", "snapshot", ...).to_numpy()
    return (scale[:, :, 0] ** 2).sum(-1)


def _draw_questions(axes: Axes, grid: pd.DataFrame, limits: Mapping[str, float]) -> None:
    fits = grid[np.isfinite(grid["rhat"]) & (grid["sd_ratio"] > 0)]
    others = [guide for guide in fits["guide"].unique() if guide not in GUIDES]
    for guide in (*others, *GUIDES):
        chosen = fits[fits["guide"] == guide]
        colour = _style.guide_colour(guide) if guide in GUIDES else "#b5b5b5"
        axes.plot(
            np.maximum(chosen["rhat"] - 1, 1e-4), chosen["sd_ratio"], "o", ms=3.2, mew=0,
            color=colour, alpha=0.55,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.07, 3)
    axes.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    for edge in (1 - limits["sd_ratio"], 1 + limits["sd_ratio"]):
        axes.axhline(edge, color="#777777", lw=0.8)
    axes.axvline(limits["rhat"] - 1, color="#777777", lw=0.8)
    axes.set_xlabel("split R-hat minus 1 (right of the line: still drifting)")
    axes.set_title("sd of the guide / sd of the posterior")
    text: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 7.5}
    axes.text(0.03, 0.94, "at rest and right:\nbetween the lines", va="center", **text)
    axes.text(0.03, 0.05, "at rest and wrong:\noutside of them", va="center", **text)
