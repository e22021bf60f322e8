"""One particle against 32 in the tutorial's fit: the losses, and the parameters by step."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure

CAPTION = (
    "The tutorial's fit with 1 and with 32 particles. Left: the mean loss, with a band of one standard "
    "deviation of the single losses. Middle and right: the parameters, which start at 10. With one "
    "particle the loss has settled, but the parameters have not."
)

COLOURS = {"tutorial_beta_1_particle": "#E69F00", "tutorial_beta_32_particles": "#0072B2"}


def draw(particle_losses: pd.DataFrame, particle_paths: pd.DataFrame) -> Figure:
    """Mean and spread of the loss, then each parameter, over the steps; both fits in each panel."""
    if particle_losses.empty:
        return empty_figure(NO_FITS)
    figure, (row,) = _style.panels(1, 3, (9.6, 3.2))
    left, *others = row
    for label, losses in particle_losses.groupby("label", sort=False):
        colour = COLOURS[str(label)]
        name = _style.particles(losses["num_particles"].iloc[0])
        if losses["message"].notna().any():
            left.plot([], [], color=colour, label=f"{name}: failed")
            continue
        low, high = losses["mean"] - losses["sd"], losses["mean"] + losses["sd"]
        left.fill_between(losses["step"], low, high, color=colour, alpha=0.25, lw=0)
        left.plot(losses["step"], losses["mean"], color=colour, label=name)
    left.axhline(particle_losses["floor"].iloc[0], color=_style.EXACT, lw=0.9, ls="--")
    if particle_losses["step"].notna().any():
        left.set_xscale("log")
    left.set_title("loss: mean and one sd (nats)")
    for axes, (parameter, paths) in zip(others, particle_paths.groupby("parameter"), strict=True):
        for label, path in paths.groupby("label", sort=False):
            axes.plot(path["step"], path["value"], color=COLOURS[str(label)])
        exact = paths["exact"].iloc[0]
        axes.axhline(exact, color=_style.EXACT, lw=0.9, ls="--", label="exact")
        axes.set_title(f"{parameter} (exact {exact:g})")
    for axes in row:
        axes.set_xlabel("step")
    handles, labels = left.get_legend_handles_labels()
    exact_line, _ = others[0].get_legend_handles_labels()
    figure.legend(
        [*handles, *exact_line], [*labels, "exact optimum"], loc="outside lower center", ncols=3
    )
    return figure
