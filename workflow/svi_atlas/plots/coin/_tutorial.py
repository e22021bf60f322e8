"""What the figures of the tutorial's fits share."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style

NO_FITS = (
    "The tutorial's fits that this figure shows are not in this configuration, or they failed."
)


def empty_figure(text: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure, ((axes,),) = _style.panels(1, 1, (6.0, 1.5))
    axes.set_axis_off()
    _style.note(axes, text)
    return figure


def fit_title(rows: pd.DataFrame) -> str:
    """Guide and number of particles of a fit, from its rows."""
    first = rows.iloc[0]
    return f"{first['guide']}, {_style.particles(first['num_particles'])}"
