"""With a factor guide the loss falls without bound: the expected loss, and the fits by step size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "On the factor model. Left: the expected loss in closed form; only that of the sample guide stays above "
    "minus the log evidence (dashed). Middle and right: where the fits end, one point per seed. The axes of "
    "losses are logarithmic in both signs."
)

LINEAR = 10.0
"""Losses smaller than this are on a linear part of the axis."""

COLOURS = {guide: _style.guide_colour(guide) for guide in ("factor", "sample")}

MARKERS = "osD^v"
"""By particle count."""


def draw(
    expected_losses: pd.DataFrame, final_values: pd.DataFrame, exact_answers: pd.DataFrame
) -> Figure:
    """Expected loss by sig1_q; final loss and final sig1_q by step size, one point per seed."""
    exact = exact_answers[exact_answers["model"] == "factor"].iloc[0]
    figure, ((left, middle, right),) = _style.panels(1, 3, (11.2, 4.0))
    for guide, colour in COLOURS.items():
        curve = expected_losses[expected_losses["guide"] == guide]
        left.plot(curve["sig1_q"], curve["loss"], color=colour)
    left.set_xscale("log")
    _set_signed_log(left, 9)
    left.set_xlabel("sig1_q (sig2_q twice as large)")
    left.set_title("expected loss (nats)")
    counts = sorted(final_values["num_particles"].unique())
    for guide in COLOURS:
        for index, count in enumerate(counts):
            selected = final_values["guide"] == guide
            fits = final_values[selected & (final_values["num_particles"] == count)]
            offset = 1.25 ** (index - (len(counts) - 1) / 2)
            _draw_points(middle, fits, "final_loss", offset, _marker(index))
            _draw_points(right, fits, "sig1_q", offset, _marker(index))
    _set_signed_log(middle, 20)
    for axes in (left, middle):
        axes.axhline(exact["floor"], color=_style.EXACT, lw=0.9, ls="--")
    right.axhline(exact["sig1_q"], color=_style.EXACT, lw=0.9, ls="--")
    right.set_yscale("log")
    for axes in (middle, right):
        axes.set_xlabel("step size")
        if final_values.empty:
            _style.note(axes, "no fit of the factor model")
        else:
            axes.set_xscale("log")
    middle.set_title("final loss (nats)")
    right.set_title(f"final sig1_q (exact {exact['sig1_q']:g})")
    handles = _legend_handles(counts)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def _legend_handles(counts: list[int]) -> list[Line2D]:
    return [
        *(
            Line2D([], [], color=colour, marker="o", ms=4, label=f"{guide} guide")
            for guide, colour in COLOURS.items()
        ),
        *(
            Line2D(
                [],
                [],
                color="#777777",
                marker=_marker(index),
                ms=4,
                ls="none",
                label=_style.particles(count),
            )
            for index, count in enumerate(counts)
        ),
        Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="minus log evidence; exact"),
    ]


def _draw_points(axes: Axes, fits: pd.DataFrame, column: str, offset: float, marker: str) -> None:
    if fits.empty:
        return
    colour = COLOURS[fits["guide"].iloc[0]]
    style: dict[str, Any] = {
        "s": 10,
        "facecolor": "none",
        "edgecolor": colour,
        "lw": 0.7,
        "alpha": 0.7,
    }
    axes.scatter(fits["step_size"] * offset, fits[column], marker=marker, **style)


def _set_signed_log(axes: Axes, decades: int) -> None:
    """A log axis in both signs down to minus 10 to the power of `decades`."""
    axes.set_yscale("symlog", linthresh=LINEAR)
    powers = range(decades, 1, -max(2, decades // 5))
    labels = [rf"$-10^{{{power}}}$" for power in powers] + ["0", "10", "1,000"]
    axes.set_yticks([-(10.0**power) for power in powers] + [0, 10, 1000], labels)
    axes.set_yticks([], minor=True)
    axes.set_ylim(-(10.0**decades), 1e4)
