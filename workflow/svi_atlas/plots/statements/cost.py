"""Autoguides are simpler and faster: time per fit, steps needed and accuracy of every guide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from svi_atlas.analysis.statements.cost import ARRIVAL_TOLERANCE, WINDOW
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style

CAPTION = (
    "Left: time of one fit, averaged over the fits of a cell, which run as one program. Middle: steps "
    "until the mean loss of a window is within 0.1 nats of its final level. Right: KL divergence of the "
    "averaged iterate. One point per seed, a bar for the median."
)

AUTOGUIDE, BY_HAND = "#0072B2", "#D55E00"


def draw(guide_costs: pd.DataFrame, arrivals: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """One row per guide: seconds per fit, steps until the loss has arrived, KL divergence."""
    guides: list[Any] = list(guide_costs.itertuples())
    figure, (row,) = _style.panels(1, 3, (9.6, 0.42 * len(guides) + 1.35), sharey=True)
    time, steps, accuracy = row
    for place, guide in enumerate(guides):
        if pd.notna(guide.note):
            _write_note(time, place, guide.note)
            continue
        own = (arrivals["model"] == guide.model) & (arrivals["guide"] == guide.guide)
        _draw_guide(row, place, guide, arrivals[own])
    time.set_yticks(
        [-place for place in range(len(guides))], [guide.family for guide in guides], fontsize=7.5
    )
    time.set_ylim(0.6 - len(guides), 0.6)
    for axes, title in (
        (time, "seconds per fit"),
        (steps, f"steps to arrive within {ARRIVAL_TOLERANCE:g} nats"),
        (accuracy, "KL(q‖p), averaged iterate (nats)"),
    ):
        axes.set_title(title)
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
    num_steps = grid_fits(table)["num_steps"]
    steps.set_xlim(0.8 * WINDOW * num_steps.min(), 1.2 * num_steps.max())
    shared = guide_costs["shared"].iloc[0]
    heading = f"every guide with {_style.particles(shared)}, a fitted point with one"
    figure.suptitle(
        heading if shared else "every guide with its fewest particles",
        x=0.01,
        ha="left",
        fontsize=9,
        color="#555555",
    )
    figure.legend(handles=_handles(guide_costs), loc="outside lower center", ncols=3)
    return figure


def _draw_guide(row: np.ndarray, place: int, guide, arrivals: pd.DataFrame) -> None:
    time, steps, accuracy = row
    colour = AUTOGUIDE if guide.automatic else BY_HAND
    time.plot(guide.seconds_per_fit, -place, "o", ms=5, color=colour)
    time.plot(guide.compile, -place, "o", ms=5, mfc="none", color=colour)
    for axes, quantity in ((steps, "steps"), (accuracy, "kl")):
        values = arrivals.loc[arrivals["quantity"] == quantity, "value"]
        _draw_seeds(axes, place, values.to_numpy(float), colour)
    accuracy.text(
        1.02,
        -place,
        f"step {_style.plain_number(guide.step_size)}",
        va="center",
        fontsize=7.5,
        color="#777777",
        transform=accuracy.get_yaxis_transform(),
    )


def _write_note(axes: Axes, place: int, text: str) -> None:
    axes.text(
        0.02,
        -place,
        text,
        va="center",
        fontsize=7,
        color="#777777",
        transform=axes.get_yaxis_transform(),
        bbox={"color": "white", "pad": 1.5},
    )


def _draw_seeds(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    shown = values[np.isfinite(values) & (values > 0)]
    if shown.size == 0:
        return
    axes.plot(shown, np.full(shown.size, -place), "o", ms=3.2, color=colour, alpha=0.4, mew=0)
    axes.plot(np.median(shown), -place, "|", ms=12, mew=1.8, color=colour)


def _handles(guide_costs: pd.DataFrame) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4.5, ls="none", label=kind)
        for colour, kind, automatic in (
            (AUTOGUIDE, "autoguide", True),
            (BY_HAND, "guide written by hand", False),
        )
        if (guide_costs["automatic"] == automatic).any()
    ]
    label = "compilation, once for all fits of a cell"
    handles.append(
        Line2D([], [], color="#777777", marker="o", mfc="none", ms=4.5, ls="none", label=label)
    )
    return handles
