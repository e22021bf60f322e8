"""Losses of the tutorial's three fits: settled to the eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure, fit_title

CAPTION = (
    "The tutorial's three fits. The losses are skewed, so that their running median, the line that the "
    "tutorial draws, differs from their mean. Minus the log evidence is a bound for the mean, not for "
    "the median."
)

BAND = "#c9c9c9"


def draw(tutorial_losses: pd.DataFrame, nonfinite_losses: pd.DataFrame) -> Figure:
    """One panel per fit: 5 % to 95 % range of the losses, running median and mean, the bound."""
    if tutorial_losses.empty:
        return empty_figure(NO_FITS)
    fits = list(tutorial_losses.groupby("label", sort=False))
    figure, (row,) = _style.panels(1, len(fits), (3.2 * len(fits), 3.2))
    for axes, (label, losses) in zip(row, fits, strict=True):
        axes.set_title(fit_title(losses))
        axes.set_xlabel("step")
        if losses["message"].notna().any():
            _style.note(axes, f"failed: {_style.short(losses['message'].iloc[0])}")
        else:
            infinite = nonfinite_losses.loc[nonfinite_losses["label"] == label, "step"]
            _draw_losses(axes, losses, infinite)
        axes.axhline(losses["floor"].iloc[0], color=_style.EXACT, lw=0.9, ls="--")
    row[0].set_ylabel("loss (nats)")
    handles = [
        Patch(color=BAND, label="losses, 5 to 95 %"),
        Line2D([], [], color="#777777", label="running median"),
        Line2D([], [], color="#777777", ls=":", label="running mean"),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence"),
        Line2D([], [], color=_style.EXACT, marker="v", ms=5, ls="none", label="infinite loss"),
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 2 * len(fits))
    )
    return figure


def _draw_losses(axes: Axes, losses: pd.DataFrame, infinite: pd.Series) -> None:
    colour = _style.guide_colour(losses["guide"].iloc[0])
    axes.fill_between(losses["step"], losses["low"], losses["high"], color=BAND, lw=0)
    axes.plot(losses["step"], losses["median"], color=colour)
    axes.plot(losses["step"], losses["mean"], color=colour, ls=":", lw=1.2)
    limits = _style.robust_limits(losses[["low", "high"]].to_numpy(), 0.01)
    if limits:
        axes.set_ylim(*limits)
    if len(infinite):
        top = np.full(len(infinite), 0.975)
        transform = axes.get_xaxis_transform()
        axes.plot(infinite, top, "v", color=_style.EXACT, ms=5, transform=transform, clip_on=False)
