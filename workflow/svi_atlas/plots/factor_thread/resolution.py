"""The sample guide finds the scales."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.factor_thread._exact import SIGMA1, SIGMA2
from svi_atlas.results.store import Results

RUN = "thread_factor_sample"
EXACT = {"sig1_q": SIGMA1, "sig2_q": SIGMA2}
COLOURS = {"sig1_q": "#0072B2", "sig2_q": "#009E73"}


def draw(results: Results) -> Figure:
    """Left the origin's run; then each scale at the end by step size, a point a seed."""
    table = grid_fits(results.table())
    table = table[(table["guide"] == "sample") & (table["model"] == "factor")]
    fit = _fits.named_fit(results, RUN)
    figure, (row,) = _style.panels(1, 3, (10.6, 3.5))
    if "message" in fit.attrs:
        _style.note(row[0], f"failed: {_style.short(fit.attrs['message'])}")
    else:
        for name, colour in COLOURS.items():
            row[0].plot(fit["snapshot_step"], fit[f"path.{name}"], color=colour, label=name)
            row[0].axhline(EXACT[name], color=_style.EXACT, lw=0.9, ls="--")
        row[0].legend(loc="center right")
    row[0].set_xlabel("step")
    row[0].set_title("the origin's run, factor model")
    colours = _style.scale_colours(table["num_particles"], _style.PARTICLES)
    for axes, (name, exact) in zip(row[1:], EXACT.items(), strict=True):
        for index, (count, shade) in enumerate(colours.items()):
            fits = table[table["num_particles"] == count]
            aside = 1.25 ** (index - (len(colours) - 1) / 2)
            axes.scatter(fits["step_size"] * aside, fits[f"param.{name}"], s=10, color=shade,
                         alpha=0.5, lw=0)  # fmt: skip
            median = fits.groupby("step_size")[f"param.{name}"].median()
            axes.plot(median.index * aside, median, "_", ms=11, mew=1.6, color=shade)
        axes.axhline(exact, color=_style.EXACT, lw=0.9, ls="--")
        axes.set_xscale("log")
        axes.set_xlabel("step size")
        axes.set_title(f"{name} at the end (exact {exact:g})")
    handles = [
        Line2D([], [], color=shade, marker="o", ms=4, ls="none", label=_style.particles(count))
        for count, shade in colours.items()
    ]
    handles.append(Line2D([], [], color="#777777", marker="_", ms=10, ls="none", label="median"))
    handles.append(Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
