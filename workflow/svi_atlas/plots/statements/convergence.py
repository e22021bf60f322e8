"""More particles may help convergence: at equal numbers of steps, and at equal numbers of draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style

CAPTION = (
    "Left: share of the seeds that are adequate, with its binomial standard error. Middle: mean loss above "
    "minus the log evidence (or, where the evidence is unknown, above the lowest level reached) along the "
    "steps at the guide's best step size; lines are medians over the seeds, bands their 10 % to 90 % "
    "range. Right: the same along the number of draws."
)


def draw(adequate_shares: pd.DataFrame, loss_course: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """One row per guide: share of adequate fits; loss above the optimum by steps and by draws.

    The left panel shows every step size, the other two that of the guide's best setting.
    """
    grid = grid_fits(table)
    guides = list(loss_course.groupby(["model", "guide"], sort=False))
    if not guides:
        return _style.empty_figure("no guide was fitted with several numbers of particles")
    by_step_size = _style.scale_colours(grid["step_size"])
    by_count = _style.scale_colours(grid["num_particles"], _style.PARTICLES)
    size = (9.6, 1.55 * len(guides) + 0.9)
    figure, panels = _style.panels(len(guides), 3, size, sharex="col", width_ratios=(1, 1.3, 1.3))
    for (left, middle, right), ((model, guide), course) in zip(panels, guides, strict=True):
        own = (adequate_shares["model"] == model) & (adequate_shares["guide"] == guide)
        _draw_share(left, adequate_shares[own], by_step_size)
        left.set_title(course["family"].iloc[0], fontsize=8.5)
        left.set_ylabel("share adequate", fontsize=8)
        if course["note"].notna().any():
            for axes in (middle, right):
                _style.note(axes, course["note"].iloc[0])
                axes.set_yticks([])
            continue
        _draw_course(middle, right, course, by_count)
        step_size = _style.plain_number(course["step_size"].iloc[0])
        middle.set_title(f"step size {step_size}, by steps", fontsize=8.5)
        right.set_title("the same, by draws", fontsize=8.5)
        middle.set_ylabel("loss above minus\nlog evidence (nats)", fontsize=8)
    _label_axes(panels, list(by_count))
    _draw_legends(figure, by_step_size, by_count)
    return figure


def _label_axes(panels: np.ndarray, counts: list) -> None:
    for axes in panels[:, 0]:
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        axes.set_ylim(-0.06, 1.06)
    names = ("particles", "step", "draws: steps times particles")
    for axes, name in zip(panels[-1], names, strict=True):
        axes.set_xlabel(name)


def _draw_legends(figure: Figure, by_step_size: dict, by_count: dict) -> None:
    steps = [
        Line2D([], [], color=colour, marker="s", ms=3.5, label=f"step {_style.plain_number(step)}")
        for step, colour in by_step_size.items()
    ]
    counts = [
        Line2D([], [], color=colour, label=_style.particles(count))
        for count, colour in by_count.items()
    ]
    figure.legend(handles=steps, loc="outside upper center", ncols=len(steps))
    figure.legend(handles=counts, loc="outside lower center", ncols=len(counts))


def _draw_share(axes: Axes, shares: pd.DataFrame, colours: dict) -> None:
    for index, (step_size, colour) in enumerate(colours.items()):
        rows = shares[shares["step_size"] == step_size]
        places = rows["num_particles"].to_numpy(float) * 1.07 ** (index - (len(colours) - 1) / 2)
        share, error = rows["share"].to_numpy(float), rows["error"].to_numpy(float)
        axes.errorbar(places, share, error, fmt="s-", ms=3.2, lw=1.0, color=colour, mew=0)


def _draw_course(by_step: Axes, by_draw: Axes, course: pd.DataFrame, colours: dict) -> None:
    for count, rows in course.groupby("num_particles"):
        colour = colours[count]
        for axes, place in ((by_step, rows["step"]), (by_draw, rows["draws"])):
            axes.fill_between(place, rows["low"], rows["high"], color=colour, alpha=0.2, lw=0)
            axes.plot(place, rows["median"], color=colour, lw=1.2)
    for axes in (by_step, by_draw):
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.axhline(0, color=_style.EXACT, lw=0.8, ls="--")
        axes.set_ylim(-0.02)
    by_draw.sharey(by_step)
