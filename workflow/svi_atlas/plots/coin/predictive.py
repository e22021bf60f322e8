"""Draws from the origin's fitted guides against the exact and the fitted density."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.coin._densities import density
from svi_atlas.plots.coin.tutorial_loss import RUNS
from svi_atlas.results.store import Results

NUM_BARS = 50


def draw(results: Results) -> Figure:
    """A panel a run: histogram of the draws (last iterate), exact density, fitted density."""
    table, reference = results.table(), results.reference()
    fairness = reference["grid.latent_fairness"].to_numpy()[1:-1]
    exact = reference["density.latent_fairness"].to_numpy()[1:-1]
    figure, (row,) = _style.panels(1, len(RUNS), (9.6, 3.1), sharey=True)
    for axes, run in zip(row, RUNS, strict=True):
        fit = _fits.named_fit(results, run)
        guide = fit.attrs["guide"]
        axes.set_xlabel("fairness f")
        axes.set_title(f"{guide}, {_style.particles(int(fit.attrs['num_particles']))}")
        if "message" in fit.attrs:
            _style.note(axes, f"failed: {_style.short(fit.attrs['message'])}")
            continue
        draws = fit["site.latent_fairness"].sel(iterate="last").to_numpy()
        axes.hist(draws, np.linspace(0, 1, NUM_BARS + 1), density=True, color="#cfcfcf",
                  label="draws from the guide")  # fmt: skip
        axes.plot(fairness, exact, color=_style.EXACT, lw=1.2, ls="--", label="exact posterior")
        curve = density(guide, table[table["label"] == run].iloc[0], fairness)
        axes.plot(fairness, curve, color=_style.guide_colour(guide), label="fitted density")
        axes.set_title(f"{len(draws):,} draws", loc="right", color="#777777", fontsize=8)
        axes.set_xlim(0.15, 1)
    row[0].set_ylabel("density")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
