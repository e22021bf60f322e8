"""Which way to fit arrives on which posterior."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.analysis.arrival._selection import NUTS, in_order
from svi_atlas.formatting import humanise
from svi_atlas.plots import _style

CAPTION = (
    "Share of the seeds that arrive (%): every posterior mean within 0.1 posterior standard deviations of "
    "the reference, and every standard deviation within 10 %. An empty cell was not run."
)

DARK = 0.6
"""Above this share the number in a cell is white."""


def draw(ways: pd.DataFrame) -> Figure:
    """A row for each posterior, a column for each way to fit; the darker, the more seeds arrive."""
    if ways.empty:
        return _style.empty_figure("nothing was fitted")
    share = ways.assign(share=ways["arrived"] / ways["seeds"])
    wide = share.pivot(index="problem", columns="way", values="share")
    wide = wide.reindex(index=ways["problem"].unique(), columns=in_order(ways["way"]))
    rows, columns = wide.shape
    size = (0.52 * columns + 2.6, 0.32 * rows + 1.7)
    figure, ((axes,),) = _style.panels(1, 1, size)
    values = wide.to_numpy(float)
    axes.imshow(values, cmap="Greens", vmin=0, vmax=1.15, aspect="auto")
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        colour = "white" if values[row, column] > DARK else _style.EXACT
        text = f"{100 * values[row, column]:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_yticks(range(rows), [humanise(str(name)) for name in wide.index])
    names = ["NUTS" if way == NUTS else str(way) for way in wide.columns]
    axes.set_xticks(range(columns), names, rotation=40, ha="left")
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure
