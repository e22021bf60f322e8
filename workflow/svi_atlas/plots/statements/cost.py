"""Autoguides are simpler and faster: time a fit, steps needed and accuracy of every guide."""

from __future__ import annotations

import json

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.statements._common import SMALLEST_KL, counted, of, why_not, with_kl
from svi_atlas.results.store import Results

NEAR = 0.1
"""Nats from its final level at which a loss counts as having arrived."""

WINDOW = 0.002
"""Share of the steps over which the loss is averaged to tell."""

AUTOMATIC, BY_HAND = "#0072B2", "#D55E00"


def draw(results: Results) -> Figure:
    """A line a guide; all with the same number of particles, each at its best step size there.

    Seconds a fit (the compilation of the whole cell as an open circle), steps until the mean loss
    of a window is within NEAR nats of its final level, KL(q||p) of the last iterate (nats): a point
    a seed, a bar the median.
    """
    table = results.table()
    leak = json.loads(table.attrs["spec"])["thresholds"]["outside_support"]
    table = grid_fits(table)
    families = _fits.families(table)
    count = shared_count(families)
    figure, (row,) = _style.panels(1, 3, (9.6, 0.42 * len(families) + 1.35), sharey=True)
    time, steps, accuracy = row
    for place, family in enumerate(families):
        colour = _colour(family.guide)
        run = family.runs[count] if count in family.runs else family.runs[min(family.runs)]
        cell = of(table, family)
        cell = cell[cell["label"] == run]
        best = best_settings(of(counted(cell), family))
        if best.empty:
            time.text(
                0.02, -place, why_not(table, family), va="center", fontsize=7, color="#777777",
                transform=time.get_yaxis_transform(), bbox={"color": "white", "pad": 1.5},
            )  # fmt: skip
            continue
        step_size = best.iloc[0]["step_size"]
        fits = results.fit(family.model, family.guide, run)
        number = fits.sizes["seed"] * fits.sizes["step_size"]
        time.plot(fits.attrs["seconds_run"] / number, -place, "o", ms=5, color=colour)
        time.plot(fits.attrs["seconds_compile"], -place, "o", ms=5, mfc="none", color=colour)
        _spread(steps, place, steps_needed(fits.sel(step_size=step_size)["loss"]), colour)
        known = with_kl(cell, leak)
        known = known[known["step_size"] == step_size]
        distance = known[["kl", "kl_se"]].max(axis=1).clip(lower=SMALLEST_KL).to_numpy(float)
        _spread(accuracy, place, distance, colour)
        accuracy.text(
            1.02, -place, f"step {_style.plain_number(step_size)}", va="center", fontsize=7.5,
            color="#777777", transform=accuracy.get_yaxis_transform(),
        )  # fmt: skip
    time.set_yticks(
        [-place for place in range(len(families))],
        [family.label for family in families],
        fontsize=7.5,
    )
    time.set_ylim(0.6 - len(families), 0.6)
    for axes, title in (
        (time, "seconds a fit"),
        (steps, f"steps to arrive within {NEAR:g} nats"),
        (accuracy, "KL(q‖p), last iterate (nats)"),
    ):
        axes.set_title(title)
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    steps.set_xlim(0.8 * WINDOW * table["num_steps"].min(), 1.2 * table["num_steps"].max())
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4.5, ls="none", label=kind)
        for colour, kind in ((AUTOMATIC, "autoguide"), (BY_HAND, "guide written by hand"))
        if any(_colour(family.guide) == colour for family in families)
    ]
    handles.append(
        Line2D([], [], color="#777777", marker="o", mfc="none", ms=4.5, ls="none",
               label="compilation, once for all fits of a cell")
    )  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.suptitle(
        f"every guide with {_style.particles(count)}, a fitted point with one"
        if count
        else "every guide with its fewest particles",
        x=0.01, ha="left", fontsize=9, color="#555555",
    )  # fmt: skip
    return figure


def _colour(guide: str) -> str:
    return AUTOMATIC if guide.startswith("Auto") else BY_HAND


def shared_count(families: list[_fits.Family]) -> int:
    """The most particles that every guide with noise was fitted with, 0 if there is no such number."""
    runs = [set(family.runs) for family in families if family.guide not in _fits.POINT_GUIDES]
    return max(set.intersection(*runs), default=0) if runs else 0


def steps_needed(loss) -> np.ndarray:
    """The first step of each seed from which a window's mean loss is near its final level.

    loss: DataArray (seed, step), nats. NaN for a seed without a finite final level.
    """
    values = loss.transpose("seed", "step").to_numpy()
    edges = _fits.even_bins(values.shape[-1], round(1 / WINDOW))
    means = _fits.bin_means(values, edges)
    final = means[:, -max(1, round(0.05 / WINDOW)) :].mean(-1)
    near = np.abs(means - final[:, None]) <= NEAR
    first = np.where(near.any(-1), near.argmax(-1), 0)
    return np.where(near.any(-1), edges[1:][first], np.nan)


def _spread(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    shown = values[np.isfinite(values) & (values > 0)]
    if shown.size == 0:
        return
    axes.plot(shown, np.full(shown.size, -place), "o", ms=3.2, color=colour, alpha=0.4, mew=0)
    axes.plot(np.median(shown), -place, "|", ms=12, mew=1.8, color=colour)
