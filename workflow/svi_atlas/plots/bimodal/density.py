"""The exact density over the box."""

from __future__ import annotations

from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._box import show_density, show_log_density

CAPTION = (
    "The exact density, relative to its peak (left), and its logarithm, in nats below the peak (right), "
    "which shows the tails."
)


def draw() -> Figure:
    """Left the density relative to its peak, right its log (nats)."""
    figure, ((left, right),) = _style.panels(1, 2, (9.0, 4.1))
    left.set_title("density, relative to its peak")
    right.set_title("log density, nats below its peak")
    figure.colorbar(show_density(left), ax=left, shrink=0.85)
    bar = figure.colorbar(show_log_density(right), ax=right, shrink=0.85, extend="min")
    bar.set_ticks([0, -5, -10, -15, -20])
    return figure
