"""Mock observations made in two ways, which must agree with each other and with the exact ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.coin.particles import RUNS
from svi_atlas.results.store import Results

WAYS = {
    "mock_guide.obs": ("model + guide + parameters", "#56B4E9"),
    "mock_draws.obs": ("model + posterior draws", "#0072B2"),
}


def draw(results: Results) -> Figure:
    """A row a run: counts of tails and heads, and of heads within a mock data set.

    Bars carry two standard errors. Tosses of one mock data set share a fairness, so errors count
    data sets, not tosses.
    """
    data = results.data()
    heads = float(data["obs"].sum())
    alpha, beta = heads + 1, data["obs"].size - heads + 1
    figure, grid = _style.panels(2, 2, (9.0, 5.4), sharex="col", width_ratios=[1, 2.2])
    for (left, right), run in zip(grid, RUNS, strict=True):
        fit = _fits.named_fit(results, run)
        count = _style.particles(int(fit.attrs["num_particles"]))
        left.set_title(f"{fit.attrs['guide']}, {count}: all tosses")
        right.set_title("heads in a mock data set")
        if not set(WAYS) <= set(fit.data_vars):
            for axes in (left, right):
                _style.note(axes, _style.short(fit.attrs.get("message", "no mock observations")))
            continue
        _draw_run(left, right, fit, alpha, beta)
    figure.legend(*grid[0, 1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_run(left: Axes, right: Axes, fit: xr.Dataset, alpha: float, beta: float) -> None:
    for index, (variable, (label, colour)) in enumerate(WAYS.items()):
        obs = fit[variable].to_numpy()
        num_sets, num_tosses = obs.shape
        place = 0.4 * (index - 0.5)
        count = obs.sum(-1)
        error = 2 * count.std(ddof=1) * np.sqrt(num_sets)
        totals = np.array([obs.size - count.sum(), count.sum()])
        style: dict[str, Any] = {
            "width": 0.38,
            "color": colour,
            "error_kw": {"lw": 1.0, "capsize": 2},
        }
        left.bar(np.arange(2) + place, totals, yerr=error, **style)
        found = np.bincount(count.astype(int), minlength=num_tosses + 1)
        spread = 2 * np.sqrt(found * (1 - found / num_sets))
        right.bar(np.arange(num_tosses + 1) + place, found, yerr=spread, label=label, **style)
    expected = obs.size * np.array([beta, alpha]) / (alpha + beta)
    marker: dict[str, Any] = {
        "color": _style.EXACT,
        "marker": "D",
        "ms": 4,
        "ls": "none",
        "mfc": "white",
    }
    left.plot([0, 1], expected, **marker)
    heads = np.arange(num_tosses + 1)
    exact = num_sets * stats.betabinom.pmf(heads, num_tosses, alpha, beta)
    right.plot(heads, exact, label="exact posterior predictive", **marker)
    left.set_xticks([0, 1], ["tails", "heads"])
    right.set_xticks(heads)
    left.set_ylabel("tosses")
    right.set_ylabel("data sets")
    for axes in (left, right):
        axes.grid(axis="x", visible=False)
