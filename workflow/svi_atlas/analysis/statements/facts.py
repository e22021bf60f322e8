"""What the page about the four statements says of an experiment."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis.statements._text import share
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.results.store import spec_of

SQUARE_ROOT_EXPONENT = 0.5
"""How the noise of a mean of independent draws falls with their number."""

CLEAR_EXPONENT = 0.25
"""Exponent above which the noise falls clearly."""

MIN_ERRORS = 2
"""Standard errors that a difference must exceed to count."""

SMALL_KL, ROUGH_KL = 0.01, (0.1, 1.0)
"""KL divergences (nats) of surrogates that match closely, and only roughly."""


def facts(
    table: pd.DataFrame,
    noise_exponents: pd.DataFrame,
    share_changes: pd.DataFrame,
    level_changes: pd.DataFrame,
    summaries: pd.DataFrame,
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """The four statements with what the fits say of them, as texts for the slots of the notebook.

    A statement that the experiment cannot test has an empty text.
    """
    grid = grid_fits(table)
    settings = grid.groupby([*FAMILY, "label", "step_size"]).size()
    return _tables.facts(
        experiment_page=f"{spec_of(table)['experiment']}.html",
        num_fits=f"{len(grid):,}",
        num_seeds=" or ".join(str(count) for count in sorted(settings.unique())),
        smoother=_smoother(noise_exponents),
        convergence=_convergence(share_changes, level_changes),
        autoguides=_autoguides(grid),
        useful=_useful(summaries, thresholds),
    )


def _smoother(exponents: pd.DataFrame) -> str:
    if exponents.empty:
        return ""
    clear = int((exponents["median"] > CLEAR_EXPONENT).sum())
    fast = SQUARE_ROOT_EXPONENT + MIN_ERRORS * exponents["error"]
    faster = int((exponents["median"] > fast).sum())
    return (
        f"*More particles smooth the loss.* **Supported**: in {clear} of {len(exponents)} settings the "
        f"noise falls clearly. **Refined**: in {faster} it falls faster than one over the square root of "
        "their number: with less noise in the gradient, the iterate also stays closer to the optimum, "
        "where the loss of a good guide has less noise of its own."
    )


def _convergence(shares: pd.DataFrame, levels: pd.DataFrame) -> str:
    if shares.empty:
        return ""
    better = int((shares["gain"] > MIN_ERRORS * shares["error"]).sum())
    worse = int((shares["gain"] < -MIN_ERRORS * shares["error"]).sum())
    lower = int((levels["change"] < -MIN_ERRORS * levels["error"]).sum())
    higher = int((levels["change"] > MIN_ERRORS * levels["error"]).sum())
    return (
        "*More particles may help convergence.* After equal numbers of steps, from the fewest to the most "
        f"particles, the share of adequate fits rises by more than two standard errors in {better} of "
        f"{len(shares)} settings and falls in {worse}; elsewhere it hardly changes, mostly because the "
        "step size is wrong for any number of particles. After equal numbers of *draws*, at each guide's "
        f"best step size, the loss is lower with the most particles for {lower} of {len(levels)} guides "
        f"and higher for {higher} ([see below](#more-particles-may-help-convergence)): particles pay once "
        "a fit has arrived and only its noise is left; steps pay on the way there."
    )


def _autoguides(grid: pd.DataFrame) -> str:
    automatic = grid["guide"].isin(
        [family.guide for family in families(grid) if guide_traits(family.guide).automatic]
    )
    adequate = grid["verdict"] == "adequate"
    if not automatic.any():
        return ""
    share_of_autoguides = share(int(adequate[automatic].sum()), int(automatic.sum()))
    if (~automatic).any():
        share_by_hand = share(int(adequate[~automatic].sum()), int((~automatic).sum()))
        text = (
            f"{share_of_autoguides} of the fits of autoguides are adequate, and {share_by_hand} of those "
            "of guides written by hand; what they cost is "
            "[shown below](#autoguides-are-simpler-and-faster)."
        )
    else:
        text = (
            f"{share_of_autoguides} of their fits are adequate; they differ more among themselves than "
            "the statement allows for, in accuracy and in cost: "
            "[see below](#autoguides-are-simpler-and-faster)."
        )
    return f"*Autoguides are simpler and faster.* {text}"


def _useful(summaries: pd.DataFrame, thresholds: Mapping[str, float]) -> str:
    if summaries.empty:
        return ""
    kl = summaries["kl"]
    close = summaries.loc[kl < SMALL_KL, "useful"]
    rough = summaries.loc[(kl >= ROUGH_KL[0]) & (kl < ROUGH_KL[1]), "useful"]
    return (
        "*A surrogate that roughly matches gives useful summaries.* Of the fits with a KL divergence below "
        f"{SMALL_KL:g} nats, {share(int(close.sum()), len(close))} have every mean within "
        f"{thresholds['mean_error']:g} posterior standard deviations and every standard deviation within "
        f"{100 * thresholds['sd_ratio']:g} %; between {ROUGH_KL[0]:g} and {ROUGH_KL[1]:g} nats it is "
        f"{share(int(rough.sum()), len(rough))}."
    )
