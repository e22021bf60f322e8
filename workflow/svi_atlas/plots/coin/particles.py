"""One particle against 32 in the origin's run: the losses, and where the parameters are."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.results.store import Results

RUNS = ("tutorial_beta_1_particle", "tutorial_beta_32_particles")
COLOURS = ("#E69F00", "#0072B2")
NUM_BINS = 45


def draw(results: Results) -> Figure:
    """Mean and spread of the loss, alpha_q and beta_q over the steps, both runs in each panel."""
    data = results.data()
    heads = float(data["obs"].sum())
    optimum = {"alpha_q": heads + 1, "beta_q": data["obs"].size - heads + 1}
    figure, (row,) = _style.panels(1, 3, (9.6, 3.2))
    for run, colour in zip(RUNS, COLOURS, strict=True):
        fit = _fits.named_fit(results, run)
        label = _style.particles(int(fit.attrs["num_particles"]))
        if "message" in fit.attrs:
            row[0].plot([], [], color=colour, label=f"{label}: failed")
            continue
        loss = fit["loss"].to_numpy()
        edges = _fits.log_bins(len(loss), NUM_BINS)
        steps = _fits.centres(edges)
        mean = _fits.bin_means(loss, edges)
        spread = np.sqrt(_fits.bin_means((loss - np.repeat(mean, np.diff(edges))) ** 2, edges))
        row[0].fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.25, lw=0)
        row[0].plot(steps, mean, color=colour, label=label)
        for axes, name in zip(row[1:], optimum, strict=True):
            axes.plot(fit["snapshot_step"], fit[f"path.{name}"], color=colour)
    floor = _fits.negative_log_evidence(results)
    row[0].axhline(floor, color=_style.EXACT, lw=0.9, ls="--")
    row[0].set_xscale("log")
    row[0].set_title("loss: mean and one sd (nats)")
    for axes, (name, value) in zip(row[1:], optimum.items(), strict=True):
        axes.axhline(value, color=_style.EXACT, lw=0.9, ls="--", label="exact")
        axes.set_title(f"{name} (exact {value:g})")
    for axes in row:
        axes.set_xlabel("step")
    handles, labels = row[0].get_legend_handles_labels()
    exact, _ = row[1].get_legend_handles_labels()
    figure.legend(
        [*handles, *exact], [*labels, "exact optimum"], loc="outside lower center", ncols=3
    )
    return figure
