"""The exact density beside draws of the tutorial's fitted guide."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._box import show_density, show_draws
from svi_atlas.plots.bimodal._notes import why_nothing

CAPTION = (
    "The exact density, and draws of the fitted guide over its outline (1, 3 and 6 nats below the peak). "
    "Both modes are there; far along the tails there are no draws."
)


def draw(tutorial_draws: pd.DataFrame) -> Figure:
    """Left the density, right the draws of the tutorial's fit (last iterate)."""
    figure, ((left, right),) = _style.panels(1, 2, (8.6, 4.3))
    show_density(left)
    left.set_title("exact density")
    if problem := why_nothing(tutorial_draws, "the tutorial's fit is not configured"):
        _style.note(right, problem)
        return figure
    show_draws(right, tutorial_draws, _style.guide_colour("normal_mixture"))
    right.set_title(f"normal_mixture, the tutorial's fit: {len(tutorial_draws):,} draws")
    return figure
