"""The truncated Cauchy mixture from the tutorial's start, over many seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._notes import why_nothing
from svi_atlas.problems.bimodal.exact import ANGLE, CAUCHY_SCALE

CAPTION = (
    "The truncated Cauchy mixture from the tutorial's start (theta = 0) with 16 particles. Left: every seed, "
    "losses averaged within bins of steps. Middle: the final loss of every seed, with its standard error. "
    "Right: the parameters at the end."
)

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")


def draw(truncated_losses: pd.DataFrame, truncated_ends: pd.DataFrame) -> Figure:
    """Loss above minus the log evidence by step; its end by seed; where the parameters end."""
    figure, ((left, middle, right),) = _style.panels(1, 3, (10.8, 3.6))
    absent = "truncated_cauchy_mixture was not fitted with 16 particles"
    if problem := why_nothing(truncated_losses, absent):
        for axes in (left, middle, right):
            _style.note(axes, problem)
        return figure
    colours = _colours(truncated_losses)
    _draw_losses(left, truncated_losses, colours)
    _draw_ends(middle, right, truncated_ends, colours)
    handles = middle.get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _colours(losses: pd.DataFrame) -> dict[float, str]:
    return dict(zip(np.unique(losses["step_size"]), COLOURS, strict=False))


def _draw_losses(axes: Axes, losses: pd.DataFrame, colours: dict[float, str]) -> None:
    for step_size, colour in colours.items():
        at_step_size = losses[losses["step_size"] == step_size]
        for _, seed in at_step_size.groupby("seed", sort=False):
            axes.plot(seed["step"], seed["excess"], color=colour, lw=0.5, alpha=0.6)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_title("loss above minus log evidence (nats)")


def _draw_ends(
    losses: Axes, parameters: Axes, ends: pd.DataFrame, colours: dict[float, str]
) -> None:
    for step_size, colour in colours.items():
        seeds = ends[ends["step_size"] == step_size]
        losses.errorbar(
            seeds["seed"], seeds["final_loss"], seeds["final_loss_se"], fmt="o", ms=3, lw=0.8,
            color=colour, label=f"step size {_style.plain_number(step_size)}",
        )  # fmt: skip
        parameters.plot(
            seeds["theta_degrees"], seeds["sig2_q"], "o", ms=3.5, alpha=0.75, color=colour
        )
    floor, max_excess = ends[["floor", "max_excess"]].iloc[0]
    losses.axhline(floor, color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence")
    losses.axhspan(
        floor,
        floor + max_excess,
        color="#dddddd",
        lw=0,
        zorder=0,
        label=f"within {max_excess:g} nats",
    )
    losses.set_xlabel("seed")
    losses.set_title("final loss (nats)")
    parameters.axhline(CAUCHY_SCALE, color=_style.EXACT, lw=0.9, ls="--")
    parameters.axvline(np.degrees(ANGLE), color=_style.EXACT, lw=0.9, ls="--")
    parameters.set_xlabel("theta (degrees)")
    parameters.set_title("sig2_q at the end; exact values dashed")
