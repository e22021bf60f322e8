"""How the verdict depends on the true error of a fit."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.judgement.error_rates import RIGHT_ERROR, WRONG_ERROR
from svi_atlas.plots import _style

CAPTION = (
    "Share of the fits that are called adequate, by their true error, with the number of fits of each group. "
    "Fits left of the shaded part count as right, if they have arrived, and those right of it as wrong."
)

GRADES = {"reference": ("with a reference", "o-"), "self": ("by self-check", "s--")}


def draw(by_error: pd.DataFrame) -> Figure:
    """One panel per iterate."""
    figure, (axes,) = _style.panels(1, 2, (9.5, 3.4), sharey=True)
    for ax, iterate in zip(axes, ("averaged", "last"), strict=True):
        rows = by_error[by_error["iterate"] == iterate].dropna(subset="median_error")
        for grade, (label, style) in GRADES.items():
            ax.plot(rows["median_error"], 100 * rows[grade], style, ms=4, lw=1, label=label)
        for row in rows.itertuples():
            ax.annotate(
                f"{row.fits}",
                (row.median_error, 103),
                ha="center",
                fontsize=6,
                annotation_clip=False,
            )
        ax.axvspan(RIGHT_ERROR, WRONG_ERROR, color="0.85", zorder=0)
        ax.set_xscale("log")
        ax.set_xlabel(f"true error of the {iterate} iterate (posterior sd)")
        ax.set_ylim(-3, 110)
    axes[0].set_ylabel("called adequate (%)")
    axes[0].legend(loc="center right")
    return figure
