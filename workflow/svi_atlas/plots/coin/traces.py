"""Where the Beta guide's parameters are at each step, for all seeds."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _fits, _style
from svi_atlas.results.store import Results

COLOURS = {"alpha_q": "#0072B2", "beta_q": "#E69F00"}
NUM_POINTS = 100


def draw(results: Results) -> Figure:
    """A row the fewest and the most particles, a column a step size, a line a seed."""
    data = results.data()
    heads = float(data["obs"].sum())
    exact = {"alpha_q": heads + 1, "beta_q": data["obs"].size - heads + 1}
    table = results.table()
    family = next(family for family in _fits.families(table) if family.guide == "beta")
    counts = sorted({min(family.runs), max(family.runs)})
    fits = {count: results.fit(family.model, "beta", family.runs[count]) for count in counts}
    step_sizes = np.unique(np.concatenate([fit["step_size"] for fit in fits.values()]))
    size = (2.35 * len(step_sizes) + 0.8, 2.3 * len(counts) + 0.7)
    figure, grid = _style.panels(len(counts), len(step_sizes), size, sharex=True, sharey=True)
    shown: list[np.ndarray] = []
    for row, count in zip(grid, counts, strict=True):
        fit = fits[count]
        row[0].set_ylabel(f"{_style.particles(count)}\nparameter")
        for axes, step_size in zip(row, step_sizes, strict=True):
            if "message" in fit.attrs:
                _style.note(axes, f"failed: {_style.short(fit.attrs['message'], 40)}")
                continue
            every = max(1, fit.sizes["snapshot"] // NUM_POINTS)
            thinned = fit.sel(step_size=step_size).isel(snapshot=slice(every - 1, None, every))
            for name, colour in COLOURS.items():
                values = thinned[f"path.{name}"].transpose("snapshot", "seed").to_numpy()
                axes.plot(thinned["snapshot_step"], values, color=colour, lw=0.5, alpha=0.6)
                shown.append(values.ravel())
                axes.axhline(exact[name], color=_style.EXACT, lw=0.9, ls="--")
    for axes, step_size in zip(grid[0], step_sizes, strict=True):
        axes.set_title(f"step size {_style.plain_number(step_size)}")
    for axes in grid[-1]:
        axes.set_xlabel("step")
    if shown:
        _style.set_robust_ylim(grid[0, 0], np.concatenate(shown), 0.005)
    handles = [Line2D([], [], color=colour, label=name) for name, colour in COLOURS.items()]
    label = " and ".join(f"{value:g}" for value in exact.values())
    handles.append(Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label=f"exact: {label}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure
