"""How often each rule is wrong, where the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style

CAPTION = (
    "Left: wrong fits that each rule calls adequate; right: right fits that it calls adequate; means over "
    "posteriors with 95 % intervals (bootstrap of the posteriors). Filled points: the averaged iterate; open "
    "points: the last one."
)

COLOUR = "#1B3A57"

ITERATES = (("last", -0.15, "white"), ("averaged", 0.15, COLOUR))
"""Iterate, offset of its points and their filling."""

GRADES = {"reference": "verdict, with a reference", "self": "verdict, by self-check"}


def draw(rates: pd.DataFrame) -> Figure:
    """One row per rule: how often it calls wrong fits and right fits adequate."""
    rates = rates[rates["size"] == "all"].copy()
    is_verdict = rates["rule"] == "verdict"
    rates["name"] = rates["grade"].map(GRADES).where(is_verdict, rates["rule"])
    names = list(dict.fromkeys(rates["name"]))
    figure, ((left, right),) = _style.panels(1, 2, (9.5, 0.35 * len(names) + 1.4), sharey=True)
    _draw_rate(left, rates, names, "false")
    _draw_rate(right, rates, names, "true")
    left.set_xlabel("wrong fits called adequate (%)")
    right.set_xlabel("right fits called adequate (%)")
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_rate(axes: Axes, rates: pd.DataFrame, names: list[str], kind: str) -> None:
    for iterate, offset, face in ITERATES:
        rows = rates[rates["iterate"] == iterate].set_index("name").loc[names]
        rate = 100 * rows[f"{kind}_rate"].to_numpy(float)
        interval = 100 * rows[[f"{kind}_low", f"{kind}_high"]].to_numpy(float).T
        axes.errorbar(
            rate,
            np.arange(len(names)) + offset,
            xerr=np.abs(interval - rate),
            fmt="o",
            ms=4,
            color=COLOUR,
            mfc=face,
            lw=1,
            label=f"{iterate} iterate",
        )
    axes.set_xlim(-3, 103)
