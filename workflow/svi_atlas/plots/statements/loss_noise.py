"""More particles smooth the loss: by how much, and whether as one over their square root."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.statements._common import by_particles, nothing, usable, why_not
from svi_atlas.results.store import Results

COLUMNS = 3
TAIL = 0.25
"""Share of the steps, from the end, over which the noise is measured."""


def draw(results: Results) -> Figure:
    """Standard deviation of the loss (nats) by particles, a panel a guide, a line a step size.

    Medians over the seeds with their 10 to 90 % range. It is taken from the differences of
    successive losses, so that a slow drift adds nothing; losses that are not finite are left out,
    and so are guides fitted with one number of particles.
    """
    table = grid_fits(results.table())
    families = by_particles(_fits.families(table))
    if not families:
        return nothing("no guide was fitted with several numbers of particles")
    colours = _style.scale_colours(table["step_size"])
    columns = min(COLUMNS, len(families))
    rows = -(-len(families) // columns)
    size = (max(4.5, 3.1 * columns), 2.35 * rows + 0.7)
    figure, panels = _style.panels(rows, columns, size, sharex=True, sharey=True)
    for axes, family in zip(panels.flat, families, strict=False):
        axes.set_title(family.label)
        axes.set_yscale("log")
        noise = noise_by_setting(results, table, family)
        if noise:
            _draw_guide(axes, noise, colours)
        else:
            _style.note(axes, why_not(table, family))
    for axes in panels.flat[len(families) :]:
        axes.set_axis_off()
    counts = sorted({count for family in families for count in family.runs})
    for index, axes in enumerate(panels.flat[: len(families)]):
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        if index % columns == 0:
            axes.set_ylabel("sd of the loss (nats)")
        if index + columns >= len(families):
            axes.set_xlabel("particles")
            axes.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=colour, marker="o", ms=3.5, label=f"step {_style.plain_number(step)}")
        for step, colour in colours.items()
    ]
    handles.append(
        Line2D([], [], color="#777777", lw=0.9, ls="--", label="as 1 / √particles, from the first")
    )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def noise_by_setting(
    results: Results, table: pd.DataFrame, family: _fits.Family
) -> dict[tuple[int, float], np.ndarray]:
    """Standard deviation of the loss of each seed, by (particles, step size) that can be used."""
    found: dict[tuple[int, float], np.ndarray] = {}
    settings = usable(table, family)
    for count, run in sorted(family.runs.items()):
        wanted = sorted(step_size for other, step_size in settings if other == count)
        if not wanted:
            continue
        fits = results.fit(family.model, family.guide, run).sel(step_size=wanted)
        loss = fits["loss"].transpose("step_size", "seed", "step")
        tail = loss.isel(step=slice(-max(2, round(TAIL * fits.sizes["step"])), None)).to_numpy()
        found |= {(count, step): _noise(of) for step, of in zip(wanted, tail, strict=True)}
    return found


def _noise(loss: np.ndarray) -> np.ndarray:
    """From losses (seed, step) the standard deviation of each seed, NaN if none is finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        jumps = np.diff(loss.astype(float), axis=-1) ** 2
    finite = np.isfinite(jumps)
    count = finite.sum(-1)
    mean = np.where(finite, jumps, 0.0).sum(-1) / np.maximum(count, 1)
    return np.where(count > 0, np.sqrt(mean / 2), np.nan)


def _draw_guide(axes: Axes, noise: dict[tuple[int, float], np.ndarray], colours: dict) -> None:
    for index, (step_size, colour) in enumerate(colours.items()):
        have = sorted(count for count, other in noise if other == step_size)
        if not have:
            continue
        aside = 1.06 ** (index - (len(colours) - 1) / 2)
        low, median, high = np.transpose(
            [_fits.quantiles(noise[count, step_size], (0.1, 0.5, 0.9)) for count in have]
        )
        places = np.array(have) * aside
        spread = [median - low, high - median]
        axes.errorbar(places, median, spread, fmt="o-", ms=3, lw=1.2, color=colour, mew=0)
        expected = median[0] * np.sqrt(have[0] / np.array(have))
        axes.plot(places, expected, color=colour, lw=0.9, ls="--")
