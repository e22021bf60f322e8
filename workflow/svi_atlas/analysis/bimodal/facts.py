"""Texts for the slots of the page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._tables import ORDER, negative_log_evidence
from svi_atlas.analysis.bimodal._selection import (
    AS_SUGGESTED,
    MAX_LOSS_EXCESS,
    NUM_PARTICLES_TIMED,
    TRUNCATED,
    TUTORIAL,
    WEIGHTED_GUIDE,
    WRITTEN_GUIDES,
    microseconds_per_step,
    misses_a_mode,
    single_fit,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import MISSING, count_of, humanise, measured, number
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import References

MAX_ROUNDED_DRAWS = 3
"""Losses of one fit, fewer than so many, that rounding at the edge of the box may make infinite."""


def facts(
    table: pd.DataFrame,
    reference: References,
    verification: pd.DataFrame,
    thresholds: Mapping[str, float],
    cauchy_outcomes: pd.DataFrame,
) -> pd.DataFrame:
    """What the page says about the density, the fits and the verdicts, by the name of its slot."""
    floor = negative_log_evidence(reference, table["model"].iloc[0])
    grid = successful_grid(table)
    return _tables.facts(
        **_constants(),
        **_exact_losses(floor),
        **_sizes(grid_fits(table)),
        khat_limit=f"{thresholds['khat']:g}",
        verdicts=_verdicts(table),
        point_truncated=_point_truncated(grid, floor),
        point_tutorial=_point_tutorial(table, floor),
        point_suggested=_point_suggested(table),
        point_one_mode=_point_one_mode(grid),
        point_verification=_point_verification(verification),
        tutorial_verdict=_tutorial_verdict(table, thresholds),
        cauchy_values=_cauchy_values(cauchy_outcomes),
        truncated_steps=_truncated_steps(grid),
        truncated_nonfinite=_truncated_nonfinite(grid),
        weight_spread=_weight_spread(grid),
        autoguides=_autoguides(grid),
    )


def _constants() -> dict[str, str]:
    """Facts of the problem."""
    return {
        "sigma1": number(exact.SIGMA1, 1),
        "sigma2": number(exact.SIGMA2, 1),
        "b": number(exact.B, 1),
        "half_box": number(exact.HALF_BOX, 2),
        "area": number((2 * exact.HALF_BOX) ** 2, 4).replace(",", ""),
        "cauchy_scale": number(exact.CAUCHY_SCALE, 4),
        "scale_start": number(exact.SCALE_START, 1),
        "angle_start": number(exact.ANGLE_START, 1),
        "weight_start": number(exact.WEIGHT_START, 1),
        "ln_2": number(np.log(2), 3),
    }


def _exact_losses(floor: float) -> dict[str, str]:
    sig2_q, mixture = exact.normal_mixture_optimum()
    return {
        "log_evidence": number(-floor, 7),
        "floor": number(floor, 7),
        "floor_short": number(floor, 5),
        "best_sig2_q": number(sig2_q, 5),
        "best_mixture": number(mixture, 5),
        "best_normal": number(exact.one_mode_optimum(), 5),
        "best_full_rank": number(exact.single_normal_optimum(full_rank=True), 5),
        "best_mean_field": number(exact.single_normal_optimum(full_rank=False), 5),
    }


def _sizes(grid: pd.DataFrame) -> dict[str, str]:
    columns = {
        "num_guides": "guide",
        "num_counts": "num_particles",
        "num_step_sizes": "step_size",
        "num_seeds": "seed",
    }
    return {name: str(grid[column].nunique()) for name, column in columns.items()}


def _verdicts(table: pd.DataFrame) -> str:
    counts = table["verdict"].value_counts()
    parts = [f"{counts[name]:,} are {humanise(name)}" for name in ORDER if name in counts]
    return f"Of {len(table):,} fits, {', '.join(parts)}."


def _point_truncated(grid: pd.DataFrame, floor: float) -> str:
    fits = with_setting(grid, TRUNCATED)
    if fits.empty:
        return ""
    close = ((fits["final_loss"] - floor).abs() < MAX_LOSS_EXCESS).sum()
    finite = (fits["nonfinite"] == 0).sum()
    return (
        f"The guide to use is `{TRUNCATED.guide}`: from the tutorial's start "
        f"{count_of(close, len(fits))} seeds end within {MAX_LOSS_EXCESS:g} nats of minus the log "
        f"evidence, {number(floor, 5)} (median {number(fits['final_loss'].median(), 5)}), and "
        f"{count_of(finite, len(fits))} have no infinite loss."
    )


def _point_tutorial(table: pd.DataFrame, floor: float) -> str:
    fit = single_fit(table, TUTORIAL)
    if fit is None:
        return ""
    mixture = exact.normal_mixture_optimum()[1]
    return (
        "The tutorial's Normal mixture ends at a loss of "
        f"{measured(fit['final_loss'], fit['final_loss_se'])}; the best that its family can reach is "
        f"{number(mixture, 5)}, {number(mixture - floor, 2)} nats above minus the log evidence. It finds "
        "both modes, but its tails are too short: the importance weights show it, the loss does not."
    )


def _point_suggested(table: pd.DataFrame) -> str:
    fit = single_fit(table, AS_SUGGESTED)
    if fit is None:
        return ""
    return (
        "The Cauchy tail that was suggested for this guide **fails**: "
        f"{number(100 * fit['nonfinite'], 2)} % of the losses of that fit are not finite, and sig2_q ends "
        f"at {number(fit['param_last.sig2_q'], 2)} instead of {number(exact.CAUCHY_SCALE, 3)}. Its verdict is "
        f"**{humanise(fit['verdict'])}**."
    )


def _point_one_mode(grid: pd.DataFrame) -> str:
    fits = grid[grid["guide"].isin(_single_normals(grid))]
    if fits.empty:
        return ""
    converged = fits[fits["converged"].fillna(False).astype(bool)]
    inadequate = (converged["verdict"] == "inadequate").sum()
    return (
        f"{count_of(misses_a_mode(fits).sum(), len(fits))} fits of autoguides with a single Normal miss one "
        "of the two modes, half of the posterior; of those that have converged, "
        f"{count_of(inadequate, len(converged))} are called **inadequate**, and the missed mode is named. "
        "Neither the loss alone nor k-hat reveals it. The best single Normal has the loss "
        f"{number(exact.one_mode_optimum(), 4)}, ln 2 above the mixture."
    )


def _single_normals(grid: pd.DataFrame) -> list[str]:
    """The autoguides of the grid that are one Normal."""
    traits = {guide: guide_traits(guide) for guide in grid["guide"].unique()}
    return [guide for guide, trait in traits.items() if trait.automatic and not trait.flow]


def _point_verification(verification: pd.DataFrame) -> str:
    if verification.empty:
        return ""
    met = int(verification["ok"].astype(bool).sum())
    return (
        f"{met} of {len(verification)} published, exact and previously measured values are met within "
        "their tolerances."
    )


def _tutorial_verdict(table: pd.DataFrame, thresholds: Mapping[str, float]) -> str:
    fit = single_fit(table, TUTORIAL)
    if fit is None:
        return ""
    reason = fit["reason"][:1].lower() + fit["reason"][1:]
    return (
        f"The verdict on this fit is **{humanise(fit['verdict'])}**: {reason} Its k-hat is "
        f"{number(fit['khat'], 2)}; above {thresholds['khat']:g} the tails of a guide are too light to be "
        "corrected by importance weights. The published values all agree with the exact optimum of the "
        "family, within the variation between seeds."
    )


def _cauchy_values(cauchy_outcomes: pd.DataFrame) -> str:
    if cauchy_outcomes.empty:
        return ""
    return (
        f"The exact values are {np.degrees(exact.ANGLE):g}° for theta and, for a Cauchy tail, "
        f"{number(exact.CAUCHY_SCALE, 5)} for sig2_q. Where there are several seeds, the table shows the "
        "median (10 % to 90 % range) and the most frequent verdict."
    )


def _truncated_steps(grid: pd.DataFrame) -> str:
    if with_setting(grid, TRUNCATED).empty:
        return ""
    return (
        "At the smaller step size the loss is good long before the parameters are at rest: sig2_q is still "
        "moving when the steps are used up, which is what *not converged* means. At the larger step size "
        "it arrives, and then fluctuates about the optimum, which costs a few thousandths of a nat."
    )


def _truncated_nonfinite(grid: pd.DataFrame) -> str:
    fits = grid[grid["guide"] == TRUNCATED.guide]
    if fits.empty:
        return ""
    infinite = fits[fits["nonfinite"] > 0]
    text = (
        f"Over all settings {count_of(len(infinite), len(fits))} fits of this guide have a loss that is "
        "not finite."
    )
    if len(infinite) and (infinite["nonfinite"] * infinite["num_steps"]).max() < MAX_ROUNDED_DRAWS:
        text += (
            " Each time the cause is a single draw at the very end of the interval, which rounding in "
            "single precision puts just outside it."
        )
    return text


def _weight_spread(grid: pd.DataFrame) -> str:
    fits = grid[grid["guide"] == WEIGHTED_GUIDE]
    if fits.empty:
        return ""
    several = fits["num_particles"].nunique() > 1
    particles = " and hardly falls with the number of particles" if several else ""
    return (
        "Nothing pulls the weight back to one half: the spread over the seeds grows with the step size"
        f"{particles}. (The fits of a seed share their random numbers over the step sizes, so the rows are "
        "not independent.) The cost is ln 2 minus the entropy of the weights, the KL divergence that the "
        "wrong weight alone adds. At the largest step size the weight runs into 0 or 1 and a mode is lost. "
        "Remedies: `loss: TraceGraph_ELBO`, whose gradient has a term for choices; keep the weight fixed; sum "
        "over the components instead of drawing one; or use a gradient through the mixture's distribution "
        "function."
    )


def _autoguides(grid: pd.DataFrame) -> str:
    timed = grid[grid["num_particles"] == NUM_PARTICLES_TIMED]
    normals = [guide for guide in _single_normals(grid) if not guide_traits(guide).point]
    flows = [guide for guide in grid["guide"].unique() if guide_traits(guide).flow]
    written = [guide for guide in WRITTEN_GUIDES if guide in set(timed["guide"])]
    if not (normals and flows and written):
        return ""
    fits = grid[grid["guide"].isin(flows)]
    return (
        "**Simpler, yes; good enough, no.** An autoguide takes one line. A step takes "
        f"{_times(timed, normals)} µs with a Normal, {_times(timed, written)} µs with the mixtures written "
        f"by hand and {_times(timed, flows)} µs with a flow. But none of the Normals can hold two modes, and "
        "a flow, which could, need not find the second one: "
        f"{count_of(misses_a_mode(fits).sum(), len(fits))} of their fits miss a mode. Speed at the wrong "
        "answer is no gain."
    )


def _times(timed: pd.DataFrame, guides: list[str]) -> str:
    """Range over the guides of their microseconds per step."""
    times = [microseconds_per_step(timed, guide) for guide in guides]
    times = [time for time in times if np.isfinite(time)]
    if not times:
        return MISSING
    low, high = number(min(times), 2), number(max(times), 2)
    return low if low == high else f"{low} to {high}"
