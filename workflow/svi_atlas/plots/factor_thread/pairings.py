"""Loss of the origin's four pairings of model and guide on one axis."""

from __future__ import annotations

from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.factor_thread._exact import PAIRINGS
from svi_atlas.results.store import Results

NUM_BINS = 120
LINEAR = 10.0
"""Losses smaller than this are on a linear part of the axis."""


def draw(results: Results) -> Figure:
    """Mean loss within bins of steps (nats), on an axis logarithmic in both signs."""
    figure, ((axes,),) = _style.panels(1, 1, (8.6, 4.4))
    for (model, guide), (label, colour, line) in PAIRINGS.items():
        fit = _fits.named_fit(results, f"origin_{model}_{guide}")
        if "message" in fit.attrs:
            axes.plot([], [], color=colour, ls=line, label=f"{label}: failed")
            continue
        loss = fit["loss"].to_numpy().astype(float)
        edges = _fits.even_bins(len(loss), NUM_BINS)
        axes.plot(_fits.centres(edges), _fits.bin_means(loss, edges), color=colour, ls=line,
                  lw=1.8 if guide == "sample" else 1.5, label=label)  # fmt: skip
    for model in ("factor", "sample"):
        floor = _fits.negative_log_evidence(results, model)
        axes.axhline(floor, color=_style.EXACT, lw=0.8, ls=":", zorder=1)
        axes.annotate(
            f"minus log evidence, {model} model: {abs(floor):.3f}", (1.0, floor),
            xycoords=("axes fraction", "data"), xytext=(-4, 3), textcoords="offset points",
            ha="right", fontsize=7, color="#555555",
        )  # fmt: skip
    axes.set_yscale("symlog", linthresh=LINEAR)
    ticks = [20, 10, 5, 0, -5, -10, -100, -1000, -10000]
    axes.set_yticks(ticks, [f"{tick:,}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(-10000, 40)
    axes.set_xlim(0, None)
    axes.set_xlabel("step")
    axes.set_ylabel("loss (nats)")
    axes.legend(loc="lower left")
    return figure
