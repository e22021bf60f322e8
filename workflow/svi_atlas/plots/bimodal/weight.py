"""The weight of the modes has no gradient to follow."""

from __future__ import annotations

from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.results.store import Results

GUIDE = "weighted_normal_mixture"
NUM_POINTS = 200


def draw(results: Results) -> Figure:
    """A panel a step size, a line a seed: the weight at each step; exact is one half."""
    family = next((f for f in _fits.families(results.table()) if f.guide == GUIDE), None)
    if family is None:
        figure, ((axes,),) = _style.panels(1, 1, (6.0, 2.6))
        _style.note(axes, f"{GUIDE} was not fitted")
        return figure
    count = max(family.runs)
    fits = results.fit(family.model, GUIDE, family.runs[count])
    step_sizes = fits["step_size"].to_numpy()
    width = 2.4 * len(step_sizes) + 0.6
    figure, (row,) = _style.panels(1, len(step_sizes), (width, 2.7), sharey=True)
    every = max(1, fits.sizes.get("snapshot", 1) // NUM_POINTS)
    for axes, step_size in zip(row, step_sizes, strict=True):
        axes.set_title(f"step size {_style.plain_number(step_size)}")
        axes.set_xlabel("step")
        if "message" in fits.attrs:
            _style.note(axes, f"failed: {_style.short(fits.attrs['message'])}")
            continue
        fit = fits.sel(step_size=step_size).isel(snapshot=slice(every - 1, None, every))
        values = fit["path.weight"].transpose("snapshot", "seed")
        axes.plot(fit["snapshot_step"], values, color=_style.guide_colour(GUIDE), lw=0.6, alpha=0.7)
        axes.axhline(0.5, color=_style.EXACT, lw=0.9, ls="--")
    row[0].set_ylim(-0.02, 1.02)
    row[0].set_ylabel(f"weight, {_style.particles(count)}")
    return figure
