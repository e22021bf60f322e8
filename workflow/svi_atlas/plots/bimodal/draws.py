"""Draws of three fitted families: one that fits, one that misses a mode, a flow."""

from __future__ import annotations

from matplotlib.figure import Figure

from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.plots import _style
from svi_atlas.plots.bimodal._draws import outline, show_draws
from svi_atlas.results.store import Results

GUIDES = ("truncated_cauchy_mixture", "AutoMultivariateNormal", "AutoBNAFNormal")


def draw(results: Results) -> Figure:
    """A panel a guide: of its best setting the fit with the median loss (last iterate)."""
    table = results.table()
    best = best_settings(table).set_index("guide")
    figure, (row,) = _style.panels(1, len(GUIDES), (10.6, 4.3), sharey=True)
    for axes, guide in zip(row, GUIDES, strict=True):
        axes.set_title(guide)
        if guide not in best.index:
            outline(axes)
            _style.note(axes, "not fitted, or failed")
            continue
        setting, grid = best.loc[guide], grid_fits(table)
        same = (grid["guide"] == guide) & (grid["label"] == setting["label"])
        fits = grid[same & (grid["step_size"] == setting["step_size"])].sort_values("final_loss")
        chosen = fits.iloc[(len(fits) - 1) // 2]
        fit = results.fit(chosen["model"], guide, chosen["label"])
        fit = fit.sel(seed=chosen["seed"], step_size=chosen["step_size"])
        count = show_draws(axes, fit, _style.guide_colour(guide))
        axes.set_title(
            f"{guide}\nloss {chosen['final_loss']:.3f}, "
            f"{_style.particles(chosen['num_particles'])}, "
            f"step {_style.plain_number(chosen['step_size'])}, {count:,} draws",
            fontsize=8.5,
        )
    for axes in row[1:]:
        axes.set_ylabel("")
    return figure
