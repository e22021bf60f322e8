"""More particles may help convergence: at equal steps, and at equal numbers of draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.plots import _fits, _style
from svi_atlas.plots.statements._common import by_particles, nothing, of, usable, why_not
from svi_atlas.results.store import Results

NUM_BINS = 24


def draw(results: Results) -> Figure:
    """A row a guide: share of adequate fits; loss above the optimum by steps and by draws.

    Of guides fitted with several numbers of particles. The left panel shows every step size, the
    other two the step size of the guide's best setting.
    Losses are averaged within bins of steps; lines are medians over the seeds, bands their 10 to
    90 % range, nats above minus the log evidence (above the lowest level reached where the evidence
    is unknown). Draws are steps times particles.
    """
    table = grid_fits(results.table())
    families = by_particles(_fits.families(table))
    if not families:
        return nothing("no guide was fitted with several numbers of particles")
    by_step_size = _style.scale_colours(table["step_size"])
    by_count = _style.scale_colours(table["num_particles"], _style.PARTICLES)
    size = (9.6, 1.55 * len(families) + 0.9)
    figure, panels = _style.panels(len(families), 3, size, sharex="col", width_ratios=(1, 1.3, 1.3))
    for (left, middle, right), family in zip(panels, families, strict=True):
        chosen = (table["model"] == family.model) & (table["guide"] == family.guide)
        _draw_share(left, table[chosen], by_step_size)
        left.set_title(family.label, fontsize=8.5)
        left.set_ylabel("share adequate", fontsize=8)
        step_size = best_step_size(table, family)
        if step_size is None:
            for axes in (middle, right):
                _style.note(axes, why_not(table, family))
                axes.set_yticks([])
            continue
        _draw_course(middle, right, results, family, step_size, by_count)
        middle.set_title(f"step size {_style.plain_number(step_size)}, by steps", fontsize=8.5)
        right.set_title("the same, by draws", fontsize=8.5)
        middle.set_ylabel("loss above minus\nlog evidence (nats)", fontsize=8)
    counts = list(by_count)
    for axes in panels[:, 0]:
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        axes.set_ylim(-0.06, 1.06)
    for axes, name in zip(
        panels[-1], ("particles", "step", "draws: steps times particles"), strict=True
    ):
        axes.set_xlabel(name)
    steps = [
        Line2D([], [], color=colour, marker="s", ms=3.5, label=f"step {_style.plain_number(step)}")
        for step, colour in by_step_size.items()
    ]
    counted = [
        Line2D([], [], color=colour, label=_style.particles(count))
        for count, colour in by_count.items()
    ]
    figure.legend(handles=steps, loc="outside upper center", ncols=len(steps))
    figure.legend(handles=counted, loc="outside lower center", ncols=len(counted))
    return figure


def best_step_size(table: pd.DataFrame, family: _fits.Family) -> float | None:
    """The step size of a family's best setting, among those run with most particle counts.

    None if too many of its fits failed or diverged.
    """
    settings = usable(table, family)
    fits = of(table, family)
    counts = fits.groupby("step_size")["num_particles"].nunique()
    best = best_settings(fits[fits["step_size"].isin(counts.index[counts == counts.max()])])
    for count, step_size in zip(best["num_particles"], best["step_size"], strict=True):
        if (count, step_size) in settings:
            return float(step_size)
    return None


def _draw_share(axes: Axes, fits: pd.DataFrame, colours: dict) -> None:
    """Share with its binomial standard error."""
    for index, (step_size, colour) in enumerate(colours.items()):
        good = (fits["verdict"] == "adequate").where(fits["step_size"] == step_size)
        share = good.groupby(fits["num_particles"]).mean().astype(float).dropna()
        size = good.groupby(fits["num_particles"]).count().reindex(share.index)
        error = np.sqrt(share * (1 - share) / size)
        aside = 1.07 ** (index - (len(colours) - 1) / 2)
        axes.errorbar(
            share.index * aside, share, error, fmt="s-", ms=3.2, lw=1.0, color=colour, mew=0
        )


def _draw_course(
    by_step: Axes,
    by_draw: Axes,
    results: Results,
    family: _fits.Family,
    step_size: float,
    colours: dict,
) -> None:
    found, optimum = _losses(results, family, step_size)
    for count, (step, loss) in found.items():
        low, median, high = _fits.quantiles(loss - optimum, (0.1, 0.5, 0.9))
        for axes, place in ((by_step, step), (by_draw, step * count)):
            axes.fill_between(place, low, high, color=colours[count], alpha=0.2, lw=0)
            axes.plot(place, median, color=colours[count], lw=1.2)
    for axes in (by_step, by_draw):
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.axhline(0, color=_style.EXACT, lw=0.8, ls="--")
        axes.set_ylim(-0.02)
    by_draw.sharey(by_step)


def _losses(
    results: Results, family: _fits.Family, step_size: float
) -> tuple[dict[int, tuple[np.ndarray, np.ndarray]], float]:
    """By particles the steps (bin,) and mean losses (seed, bin), and the loss of the optimum."""
    found = {}
    for count, run in sorted(family.runs.items()):
        fits = results.fit(family.model, family.guide, run)
        if "message" in fits.attrs or step_size not in fits["step_size"]:
            continue
        edges = _fits.log_bins(fits.sizes["step"], NUM_BINS)
        loss = fits["loss"].sel(step_size=step_size).transpose("seed", "step").to_numpy()
        found[count] = _fits.centres(edges), _fits.bin_means(loss, edges)
    optimum = _fits.negative_log_evidence(results, family.model)
    if found and not np.isfinite(optimum):
        medians = [_fits.quantiles(loss, (0.5,))[0] for _, loss in found.values()]
        optimum = float(np.nanmin(np.concatenate(medians)))
    return found, optimum


def levels(
    results: Results, family: _fits.Family, step_size: float
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """By particles the loss of each seed above the optimum, at the end and at equal draws (nats).

    Equal draws: after as many as the fit with the fewest particles makes in all.
    """
    found, optimum = _losses(results, family, step_size)
    if not found:
        return {}
    fewest = min(found)
    draws = fewest * found[fewest][0][-1]
    return {
        count: (
            loss[:, -1] - optimum,
            loss[:, int(np.abs(step * count - draws).argmin())] - optimum,
        )
        for count, (step, loss) in found.items()
    }
