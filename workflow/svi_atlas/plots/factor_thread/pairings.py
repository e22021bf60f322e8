"""Loss of the forum thread's four pairings of model and guide on one axis."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.formatting import MINUS
from svi_atlas.plots import _style

CAPTION = (
    "Loss of the four pairings, averaged within bins of steps, on an axis that is logarithmic in both signs "
    "beyond 10. Dotted: minus the log evidence of each model. A loss that stays below it is no negative "
    "ELBO."
)

STYLES: dict[tuple[str, str], dict[str, Any]] = {
    ("factor", "factor"): {"color": "#D55E00", "ls": "-"},
    ("sample", "factor"): {"color": "#E69F00", "ls": "--"},
    ("factor", "sample"): {"color": "#0072B2", "ls": "-"},
    ("sample", "sample"): {"color": "#56B4E9", "ls": "--"},
}
"""By (model, guide)."""

LINEAR = 10.0
"""Losses smaller than this are on a linear part of the axis."""


def draw(pairing_losses: pd.DataFrame, exact_answers: pd.DataFrame) -> Figure:
    """Mean loss within bins of steps (nats), on an axis that is logarithmic in both signs."""
    figure, ((axes,),) = _style.panels(1, 1, (8.6, 4.4))
    for (model, guide), rows in pairing_losses.groupby(["model", "guide"], sort=False):
        label = f"{model} model, {guide} guide"
        message = rows["message"].iloc[0]
        if pd.notna(message):
            label += f": {_style.short(message, 40)}"
        width = 1.8 if guide == "sample" else 1.5
        axes.plot(
            rows["step"], rows["loss"], lw=width, label=label, **STYLES[str(model), str(guide)]
        )
    for model, floor in zip(exact_answers["model"], exact_answers["floor"], strict=True):
        axes.axhline(floor, color=_style.EXACT, lw=0.8, ls=":", zorder=1)
        axes.annotate(
            f"minus log evidence, {model} model: {abs(floor):.3f}",
            (1.0, floor),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=7,
            color="#555555",
        )
    axes.set_yscale("symlog", linthresh=LINEAR)
    ticks = [20, 10, 5, 0, -5, -10, -100, -1000, -10000]
    axes.set_yticks(ticks, [f"{tick:,}".replace("-", MINUS) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(-10000, 40)
    axes.set_xlim(0, None)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)")
    axes.legend(loc="lower left")
    return figure
