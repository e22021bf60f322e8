"""The Beta guide closing in on the posterior: the density at the steps at which KL has shrunk."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy import stats

from svi_atlas.plots import _style
from svi_atlas.plots.theory._beta import Course, course
from svi_atlas.results.store import Results

ROWS, COLUMNS = 2, 4
NUM_POINTS = 300


def draw(results: Results) -> Figure:
    """Panels in reading order: the start, then equal ratios of KL(q||p), the last the end."""
    fit = course(results, NUM_POINTS)
    wanted = np.geomspace(fit.kl[0], max(fit.kl[-1], 1e-6), ROWS * COLUMNS)
    shown = [int((fit.kl <= bound * (1 + 1e-9)).argmax()) for bound in wanted[:-1]]
    shown.append(len(fit.step) - 1)
    figure, grid = _style.panels(ROWS, COLUMNS, (9.6, 4.3), sharex=True, sharey=True)
    for axes, point in zip(grid.flat, shown, strict=True):
        _draw_point(axes, fit, point)
    for axes in grid[-1]:
        axes.set_xlabel("fairness f")
    for axes in grid[:, 0]:
        axes.set_ylabel("density")
    colour = _style.guide_colour("beta")
    handles = [
        Patch(color="#d9d9d9", label=f"posterior Beta({fit.alpha:g}, {fit.beta:g})"),
        Line2D([], [], color=colour, label="guide q"),
        Line2D([], [], color=colour, lw=0.8, alpha=0.35, label="guide, in the panels before"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    for axes, earlier in zip(grid.flat, range(len(shown)), strict=True):
        for point in shown[:earlier]:
            _draw_guide(axes, fit, point, lw=0.8, alpha=0.25)
    return figure


def _draw_point(axes: Axes, fit: Course, point: int) -> None:
    fairness = np.linspace(0.1, 1, 400)
    axes.fill_between(
        fairness, stats.beta.pdf(fairness, fit.alpha, fit.beta), color="#d9d9d9", lw=0
    )
    _draw_guide(axes, fit, point)
    axes.set_title("start" if fit.step[point] == 0 else f"step {fit.step[point]:,}")
    axes.text(
        0.02, 0.96,
        f"KL {_style.plain_number(float(f'{fit.kl[point]:.2g}'))}\n"
        f"Beta({fit.alpha_q[point]:.2f},\n       {fit.beta_q[point]:.2f})",
        transform=axes.transAxes, va="top", fontsize=7.5, color="#444444",
    )  # fmt: skip
    axes.set_xlim(0.1, 1)
    axes.set_ylim(0, 4.6)


def _draw_guide(axes: Axes, fit: Course, point: int, **options) -> None:
    fairness = np.linspace(0.1, 1, 400)
    density = stats.beta.pdf(fairness, fit.alpha_q[point], fit.beta_q[point])
    axes.plot(fairness, density, color=_style.guide_colour("beta"), **options)
