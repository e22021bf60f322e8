"""Where the losses of every guide end, against what its family can reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "Mean of the last 5 % of the losses: one point per seed, a bar for the median; of each particle count "
    "the step size with the smallest median. Losses beyond the axis are drawn at its end. Open points: "
    "some losses are infinite; the mean is over the finite ones and has no lower bound. The Laplace "
    "approximation is fitted as a point, so minus the ELBO of its draws is shown."
)

LIMITS = (4.2, 7.6)
"""Losses above are drawn at the upper one."""

LINE_STYLES = ("--", ":", "-.")


def draw(final_losses: pd.DataFrame, known_losses: pd.DataFrame) -> Figure:
    """One row per guide, one line of points per particle count."""
    if final_losses.empty:
        figure, ((axes,),) = _style.panels(1, 1, (6.0, 2.6))
        _style.note(axes, "no fit of the grid succeeded")
        return figure
    colours = _style.scale_colours(final_losses["num_particles"], _style.PARTICLES)
    guides = list(dict.fromkeys(final_losses["guide"]))
    figure, ((axes,),) = _style.panels(1, 1, (9.2, 0.52 * len(guides) + 1.5))
    for row, guide in enumerate(guides):
        _draw_guide(axes, final_losses[final_losses["guide"] == guide], row, colours)
    styles = dict(zip(known_losses["name"], LINE_STYLES, strict=True))
    for name, loss in zip(known_losses["name"], known_losses["loss"], strict=True):
        axes.axvline(loss, color=_style.EXACT, lw=1.0, ls=styles[name], zorder=1)
    _set_axes(axes, guides, set(final_losses.loc[final_losses["point"], "guide"]))
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4, ls="none", label=_style.particles(count))
        for count, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=_style.EXACT, lw=1.0, ls=styles[name], label=f"{name}, {loss:.4f}")
        for name, loss in zip(known_losses["name"], known_losses["loss"], strict=True)
    ]
    label = f"over {100 * final_losses['max_nonfinite'].iloc[0]:g} % of the losses infinite"
    handles.append(
        Line2D([], [], color="#777777", marker="o", mfc="none", ms=4, ls="none", label=label)
    )
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _draw_guide(axes: Axes, losses: pd.DataFrame, row: int, colours: dict) -> None:
    counts = sorted(losses["num_particles"].unique())
    for index, count in enumerate(counts):
        place = row + 0.72 * ((index + 0.5) / len(counts) - 0.5)
        _draw_cell(axes, losses[losses["num_particles"] == count], place, colours[count])


def _draw_cell(axes: Axes, losses: pd.DataFrame, place: float, colour: tuple) -> None:
    losses = losses[np.isfinite(losses["final_loss"])]
    if losses.empty:
        return
    for mostly_finite, face in ((False, "none"), (True, colour)):
        part = losses[losses["mostly_finite"] == mostly_finite]
        shown = part["final_loss"].clip(upper=LIMITS[1])
        axes.scatter(shown, np.full(len(shown), place), s=14, facecolor=face, edgecolor=colour,
                     lw=0.7, alpha=0.65, clip_on=False)  # fmt: skip
    axes.plot(losses["median"].iloc[0], place, "|", ms=10, mew=1.6, color=colour)


def _set_axes(axes: Axes, guides: list[str], points: set[str]) -> None:
    labels = [f"{guide}\n(minus ELBO)" if guide in points else guide for guide in guides]
    axes.set_yticks(range(len(guides)), labels, fontsize=7.5)
    axes.set_ylim(len(guides) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(guides)):
        axes.axhline(row - 0.5, color="#e6e6e6", lw=0.6)
    axes.set_xlim(*LIMITS)
    axes.set_xlabel("final loss (nats)")
