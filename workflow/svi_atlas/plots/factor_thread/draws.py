"""What the fitted guides draw: a factor changes no draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style

CAPTION = (
    "Draws of the forum thread's fitted guides on the factor model. Ellipses: one, two and three standard "
    "deviations of the target. The factor guide draws from the Uniform whatever its parameters say."
)


def draw(
    pairing_draws: pd.DataFrame, draw_widths: pd.DataFrame, exact_answers: pd.DataFrame
) -> Figure:
    """One panel per guide on the factor model, with the contours of the target."""
    figure, (row,) = _style.panels(1, 2, (8.6, 4.3), sharey=True)
    target = exact_answers[exact_answers["model"] == "factor"].iloc[0]
    draws = pairing_draws[pairing_draws["model"] == "factor"]
    for axes, (_, widths) in zip(row, draw_widths.iterrows(), strict=True):
        guide = widths["guide"]
        if pd.notna(widths["message"]):
            axes.set_title(f"{guide} guide")
            _style.note(axes, _style.short(widths["message"]))
            continue
        _draw_guide(axes, draws[draws["guide"] == guide], target)
        axes.set_title(
            f"{guide} guide: sig1_q = {widths['sig1_q']:.3g}, sig2_q = {widths['sig2_q']:.3g}\n"
            f"sds of {int(widths['num_draws']):,} draws: "
            f"x {widths['sd_x']:.3g}, y {widths['sd_y']:.3g}"
        )
    row[0].set_ylabel("y")
    return figure


def _draw_guide(axes: Axes, draws: pd.DataFrame, target: pd.Series) -> None:
    colour = _style.guide_colour(draws["guide"].iloc[0])
    points: dict[str, Any] = {"ms": 2.2, "color": colour, "alpha": 0.5, "mew": 0}
    axes.plot(draws["x"], draws["y"], ".", rasterized=True, **points)
    angle = np.linspace(0, 2 * np.pi, 200)
    for radius in (1, 2, 3):
        ellipse = (
            radius * target["sig1_q"] * np.cos(angle),
            radius * target["sig2_q"] * np.sin(angle),
        )
        axes.plot(*ellipse, color=_style.EXACT, lw=0.9)
    half_box = target["half_box"]
    axes.set_xlim(-half_box, half_box)
    axes.set_ylim(-half_box, half_box)
    axes.set_aspect("equal")
    axes.set_xlabel("x")
    axes.grid(False)
