"""The exact density beside draws of the origin's fitted guide."""

from __future__ import annotations

from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.bimodal._draws import show_draws
from svi_atlas.plots.bimodal._exact import show_density
from svi_atlas.plots.bimodal.tutorial_loss import RUN
from svi_atlas.results.store import Results


def draw(results: Results) -> Figure:
    """Left the density, right 5,000 draws of the origin's run (last iterate)."""
    fit = _fits.named_fit(results, RUN)
    figure, ((left, right),) = _style.panels(1, 2, (8.6, 4.3))
    show_density(left)
    left.set_title("exact density")
    if "message" in fit.attrs:
        _style.note(right, f"failed: {_style.short(fit.attrs['message'])}")
        return figure
    count = show_draws(right, fit, _style.guide_colour("normal_mixture"))
    right.set_title(f"normal_mixture, the origin's run: {count:,} draws")
    return figure
