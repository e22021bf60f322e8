"""The sentences of the page: texts that fill its slots."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._sentences import comparison_sentence, verdict_sentence
from svi_atlas.analysis.factor_thread._selection import grid_cell, pairing_label, single_fit
from svi_atlas.analysis.factor_thread.pairings import PRINTED_FACTOR_SCALES
from svi_atlas.formatting import count_of, mean_se, number, plural
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.factor_thread import exact

GOOD_PARTICLES, GOOD_STEP_SIZE = 32, 1e-2
"""A good setting of the sample guide."""


def facts(
    table: pd.DataFrame,
    thresholds: Mapping[str, float],
    verification: pd.DataFrame,
    scale_paths: pd.DataFrame,
) -> pd.DataFrame:
    """Numbers and sentences of the page, as texts for the slots of the notebook.

    Parameters
    ----------
    table, thresholds, verification
        Results of the run.
    scale_paths
        Analysis of this experiment.
    """
    limit = thresholds["evidence_violation_z"]
    largest = float(np.finfo(np.float32).max)
    return _tables.facts(
        overview=_overview(table),
        verdicts=verdict_sentence(table),
        factor_guides=_factor_guides(table, limit),
        sample_guide=_sample_guide(table),
        printed=" and ".join(number(value) for value in PRINTED_FACTOR_SCALES),
        comparison=comparison_sentence(verification),
        floor_factor=number(-exact.log_evidence("factor"), 7),
        floor_sample=number(abs(exact.log_evidence("sample")), 7),
        sig1=f"{exact.SIGMA1:g}",
        sig2=f"{exact.SIGMA2:g}",
        start=f"{exact.SCALE_START['factor']:g}",
        stationary_scale=number(exact.STATIONARY_SCALE),
        limit=f"{limit:g}",
        fall=_fall(table, scale_paths),
        halt=number(-np.sqrt(largest), 2),
        largest=number(largest, 2),
    )


def _overview(table: pd.DataFrame) -> str:
    grid = grid_fits(table)
    step_sizes, particles, seeds = (
        plural(grid[column].nunique(), noun)
        for column, noun in (
            ("step_size", "step size"),
            ("num_particles", "particle count"),
            ("seed", "seed"),
        )
    )
    return f"{step_sizes}, {particles} and {seeds}"


def _factor_guides(table: pd.DataFrame, limit: float) -> str:
    """How many fits with a factor guide diverged, and in how many the loss proves it."""
    grid = grid_fits(table)
    fits = grid[grid["guide"] == "factor"]
    if fits.empty:
        return ""
    diverged = int((fits["verdict"] == "diverged").sum())
    violation = fits.get("evidence_violation_z", pd.Series(dtype=float))
    proved = int((violation > limit).sum())
    who = f"All {diverged:,}" if diverged == len(fits) else count_of(diverged, len(fits))
    text = f"{who} fits with a factor guide have the verdict *diverged*"
    text += ", at every step size and particle count." if diverged == len(fits) else "."
    if proved:
        text += (
            f" In {number(proved)} of them the loss lies more than {limit:g} standard errors below minus "
            "the log evidence, which proves that it is no negative ELBO; the lowest loss ends at "
            f"{number(float(fits['final_loss'].min()), 2)}."
        )
    return text


def _sample_guide(table: pd.DataFrame) -> str:
    fits = grid_cell(table, "factor", "sample", GOOD_PARTICLES, GOOD_STEP_SIZE)
    if fits.empty:
        return ""
    return (
        f"The same guide written with `sample` finds the scales: sig1_q {mean_se(fits['param_last.sig1_q'])}, "
        f"sig2_q {mean_se(fits['param_last.sig2_q'])} over {plural(len(fits), 'seed')} of a good setting "
        f"(exact: {exact.SIGMA1:g}, {exact.SIGMA2:g}). On either model it is adequate."
    )


def _fall(table: pd.DataFrame, scale_paths: pd.DataFrame) -> str:
    """Where the printed scale is passed by the thread's factor guide, and where the guide ends."""
    fit = single_fit(table, pairing_label("factor", "factor"))
    if fit is None:
        return ""
    path = scale_paths[(scale_paths["guide"] == "factor") & (scale_paths["parameter"] == "sig1_q")]
    passed = path[path["value"] <= PRINTED_FACTOR_SCALES[0]]
    end = number(float(path["value"].iloc[-1]))
    if passed.empty:
        course = f"is at {end} when its steps are used up."
    else:
        course = (
            f"passes the published {number(PRINTED_FACTOR_SCALES[0])} at step "
            f"{number(int(passed['step'].iloc[0]))} of {number(int(fit['num_steps']))} and goes on to {end}."
        )
    return (
        f"The forum thread does not state its step size. With {fit['step_size']:g} the factor guide "
        f"{course} Any value between the start and 0 is printed after some number of steps."
    )
