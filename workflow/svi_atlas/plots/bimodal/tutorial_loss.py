"""Loss along the steps of the tutorial's fit of the Normal mixture."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._notes import why_nothing

CAPTION = (
    "Loss of the tutorial's fit: mean and 5 % to 95 % range of the losses within bins of steps. It settles "
    "on what its family can reach (dotted), not on minus the log evidence (dashed)."
)

BAND = "#c9c9c9"


def draw(tutorial_losses: pd.DataFrame) -> Figure:
    """Left the whole fit on a log scale, right its second half."""
    colour = _style.guide_colour("normal_mixture")
    figure, (row,) = _style.panels(1, 2, (9.2, 3.3))
    row[0].set_title(_title(tutorial_losses))
    row[1].set_title("its second half")
    row[0].set_ylabel("loss (nats)")
    problem = why_nothing(tutorial_losses, "the tutorial's fit is not configured")
    for axes, part in zip(row, ("all", "second half"), strict=True):
        axes.set_xlabel("step")
        if problem:
            _style.note(axes, problem)
            continue
        axes.axhline(tutorial_losses["optimum"].iloc[0], color=_style.EXACT, lw=0.9, ls=":")
        axes.axhline(tutorial_losses["floor"].iloc[0], color=_style.EXACT, lw=0.9, ls="--")
        _draw(axes, tutorial_losses[tutorial_losses["part"] == part], colour)
    if not problem:
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


def _title(losses: pd.DataFrame) -> str:
    if losses.empty:
        return "the tutorial's fit"
    return f"the tutorial's fit, {_style.particles(losses['num_particles'].iloc[0])}"


def _draw(axes: Axes, losses: pd.DataFrame, colour: str) -> None:
    axes.fill_between(losses["step"], losses["low"], losses["high"], color=BAND, lw=0)
    axes.plot(losses["step"], losses["mean"], color=colour, lw=1.1)
