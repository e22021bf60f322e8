"""The sentences of the page: texts that fill its slots."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._sentences import comparison_sentence, verdict_sentence
from svi_atlas.analysis.rotated_gaussian._covariances import ENTRIES, entries_of, matrix_text
from svi_atlas.analysis.rotated_gaussian._selection import (
    FULL_RANK,
    MEAN_FIELD,
    MODEL,
    fits_at_setting,
    shared_setting,
    tutorial_fit,
)
from svi_atlas.formatting import count_of, humanise, measured, number, plural
from svi_atlas.judgement.ranking import best_settings as rank_settings
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.rotated_gaussian import exact

COVARIANCE = exact.COVARIANCE[MODEL]


def facts(
    table: pd.DataFrame,
    verification: pd.DataFrame,
    tutorial_shape: pd.DataFrame,
    positive_moments: pd.DataFrame,
) -> pd.DataFrame:
    """Numbers and sentences of the page, as texts for the slots of the notebook.

    Parameters
    ----------
    table, verification
        Results of the run.
    tutorial_shape, positive_moments
        Analyses of this experiment.
    """
    printed = _printed(tutorial_shape)
    return _tables.facts(
        overview=_overview(table),
        verdicts=verdict_sentence(table),
        two_questions=_two_questions(table),
        full_rank=_full_rank(table),
        tutorial=_tutorial(table, printed),
        comparison=comparison_sentence(verification),
        angle=_angle(printed),
        inverse=_inverse(table),
        tutorial_loss=_tutorial_loss(table),
        mean_field_variance=number(_mean_field_variance(), 2),
        mean_field_kl=number(exact.mean_field_kl(COVARIANCE), 6),
        shared_setting=_shared_setting(table),
        naive_variance=_naive_variance(positive_moments),
    )


def _mean_field_variance() -> float:
    return float(exact.mean_field_optimum(COVARIANCE)[0, 0])


def _overview(table: pd.DataFrame) -> str:
    grid = grid_fits(table)
    guides, particles, step_sizes, seeds = (
        plural(grid[column].nunique(), noun)
        for column, noun in (
            ("guide", "autoguide"),
            ("num_particles", "particle count"),
            ("step_size", "step size"),
            ("seed", "seed"),
        )
    )
    return f"{guides}, {particles}, {step_sizes} and {seeds}"


def _two_questions(table: pd.DataFrame) -> str:
    setting = shared_setting(table)
    if setting is None:
        return ""
    fits = fits_at_setting(table, MODEL, MEAN_FIELD, setting)
    if fits.empty:
        return ""
    particles = plural(int(fits["num_particles"].iloc[0]), "particle")
    inadequate = int((fits["verdict"] == "inadequate").sum())
    return (
        "**Converged and adequate are two questions.** "
        f"At step size {setting[1]:g} with {particles} the mean-field guide `{MEAN_FIELD}` "
        f"converges for {count_of(fits['converged'].eq(True).sum(), len(fits))} seeds. Its variances "
        f"are {number(fits['derived.var_first'].median())} and "
        f"{number(fits['derived.var_second'].median())}, where the truth is "
        f"{number(float(COVARIANCE[0, 0]), 1)}; the best that a guide without correlation can do is "
        f"{number(_mean_field_variance(), 2)}. Its KL divergence is {number(fits['kl'].median())} "
        f"nats, and {count_of(inadequate, len(fits))} seeds have the verdict *inadequate*."
    )


def _full_rank(table: pd.DataFrame) -> str:
    fits = fits_at_setting(table, MODEL, FULL_RANK)
    if fits.empty:
        return ""
    best = rank_settings(fits).iloc[0]
    averaged = fits.reindex(columns=[f"derived.{name}" for name in ENTRIES]).median()
    return (
        f"The full-rank guide `{FULL_RANK}` with {plural(int(best['num_particles']), 'particle')} "
        f"and step size {best['step_size']:g} is adequate for "
        f"{count_of(round(best['adequate'] * best['fits']), best['fits'])} seeds. The median covariance "
        f"of its averaged iterates is {matrix_text(averaged)}; the exact covariance is "
        f"{matrix_text(entries_of(COVARIANCE))}."
    )


def _printed(tutorial_shape: pd.DataFrame) -> pd.Series | None:
    """What the tutorial prints, by quantity; None without its run or if a value is unknown."""
    if tutorial_shape.empty or tutorial_shape["published"].isna().any():
        return None
    return tutorial_shape.set_index("quantity")["published"]


def _covariance_entries(fit: pd.Series) -> list[float]:
    return [float(fit.get(f"derived_last.{name}", np.nan)) for name in ENTRIES]


def _tutorial(table: pd.DataFrame, printed: pd.Series | None) -> str:
    fit = tutorial_fit(table)
    if fit is None:
        return ""
    in_print = "" if printed is None else f", {matrix_text(printed[list(ENTRIES)])} in print"
    return (
        f"The tutorial's run gives {matrix_text(_covariance_entries(fit))} here{in_print}. Its verdict "
        f"is **{humanise(fit['verdict'])}**."
    )


def _angle(printed: pd.Series | None) -> str:
    if printed is None:
        return ""
    first, both, second = printed[list(ENTRIES)]
    implied = exact.shape_of(np.array([[first, both], [both, second]]))["angle_degrees"]
    return (
        f"The angle in print is {number(90 - printed['angle_degrees'], 4)} degrees, but the long axis "
        f"of the covariance in print is {number(float(implied), 4)} degrees from the x axis. So the "
        "tutorial measures the angle from the y axis, and the table shows 90 degrees minus its number."
    )


def _inverse(table: pd.DataFrame) -> str:
    fit = tutorial_fit(table)
    if fit is None:
        return ""
    first, both, second = _covariance_entries(fit)
    inverse = np.linalg.inv([[first, both], [both, second]])
    return (
        f"The inverse of this run's $L L^\\top$ would be {matrix_text(entries_of(inverse))}: the "
        "variances are about nine times too small, and the correlation has the wrong sign."
    )


def _tutorial_loss(table: pd.DataFrame) -> str:
    fit = tutorial_fit(table)
    if fit is None:
        return ""
    return (
        "The mean of the last 5 % of the losses of this run is "
        f"{measured(fit['final_loss'], fit['final_loss_se'])} nats; minus the log evidence is "
        f"{number(-exact.log_evidence(MODEL), 7)} nats."
    )


def _shared_setting(table: pd.DataFrame) -> str:
    setting = shared_setting(table)
    if setting is None:
        return "No fit of the two guides can be shown: all of them failed."
    label, step_size = setting
    count = int(table.loc[table["label"] == label, "num_particles"].iloc[0])
    return f"Both guides are shown with {plural(count, 'particle')} at step size {step_size:g}."


def _naive_variance(positive_moments: pd.DataFrame) -> str:
    naive = positive_moments[
        (positive_moments["quantity"] == "variance of s")
        & (positive_moments["estimate"] == "naive")
    ]
    if naive.empty:
        return ""
    share = naive["value"].mean() / naive["exact"].iloc[0]
    return (
        f"The table shows means over {plural(len(naive), 'seed')} with their standard errors. Read "
        f"as the variance of $s$, $L L^\\top$ is {number(share, 2)} of the truth; the error grows with "
        "$C_{11}$."
    )
