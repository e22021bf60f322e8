"""How often each rule is wrong, where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.analysis.verdict_study import MAX_WRONG, MIN_RIGHT
from svi_atlas.plots import _style

CAPTION = (
    "Left: wrong fits that each rule calls adequate; right: right fits that it calls adequate. Filled "
    "points: the held-out models; open points: the models on which thresholds were tuned. Bars are exact "
    "95 % intervals; the shaded part is what the verdict promises."
)

COLOUR = "#1B3A57"

SPLITS = (
    ("tuning", -0.15, "white", "models used for tuning"),
    ("held_out", 0.15, COLOUR, "held-out models"),
)
"""Split of the models, offset of its points, their filling, and its name."""


def draw(rates: pd.DataFrame) -> Figure:
    """One row per rule: how often it calls wrong fits and right fits adequate."""
    names = list(dict.fromkeys(rates["rule"]))
    figure, ((left, right),) = _style.panels(1, 2, (9.5, 0.3 * len(names) + 1.4), sharey=True)
    _draw_rate(left, rates, names, "wrong_rate", (0.0, MAX_WRONG))
    _draw_rate(right, rates, names, "right_rate", (MIN_RIGHT, 1.0))
    left.set_xlabel("wrong fits called adequate (%)")
    right.set_xlabel("right fits called adequate (%)")
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.legend(loc="lower right")
    return figure


def _draw_rate(
    axes: Axes, rates: pd.DataFrame, names: list[str], column: str, good: tuple[float, float]
) -> None:
    axes.axvspan(100 * good[0], 100 * good[1], color=_style.VERDICT_COLOURS["adequate"], alpha=0.18)
    for split, offset, face, label in SPLITS:
        rows = rates[rates["split"] == split].set_index("rule").loc[names]
        rate = 100 * rows[column].to_numpy(float)
        interval = 100 * rows[[f"{column}_low", f"{column}_high"]].to_numpy(float).T
        axes.errorbar(
            rate,
            np.arange(len(names)) + offset,
            xerr=np.abs(interval - rate),
            fmt="o",
            ms=4,
            color=COLOUR,
            mfc=face,
            lw=1,
            label=label,
        )
    axes.set_xlim(-3, 103)
