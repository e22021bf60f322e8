"""From statistics and thresholds to one verdict per fit, with its evidence.

Two questions, never one: has the optimiser reached the best member of the guide's family (converged),
and is what it reached close to the posterior (adequate)? The second is answered by the reference where there
is one to be trusted, and else by what the fits say themselves: their importance weights, and one another.
Where neither suffices the fit is unjudged, which counts against no family.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.judgement.checks import CHECKS, NEEDED, with_all_statistics
from svi_atlas.judgement.excess import Thresholds, elbo_gap_known, noise_excess
from svi_atlas.judgement.reasons import explain

MEANINGS = {
    "adequate": "converged and close to the posterior",
    "unjudged": "not shown to be wrong, but the evidence does not suffice to call it adequate",
    "inadequate": "not close to the posterior, and not for want of steps",
    "not_converged": "still drifting, or fluctuating about the optimum",
    "diverged": "losses or parameters are not finite, or the loss falls without bound",
    "failed": "the model or the guide raised an error; its message is kept",
}
"""What each verdict means, from the best to the worst."""

VERDICTS = tuple(MEANINGS)[::-1]
"""From worst to best."""

QUESTIONS = {"diverged": "diverged", "not_converged": "converged", "inadequate": "adequate"}
"""The question whose checks decide each verdict."""


def judge(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The verdict of the averaged iterate of each fit, with its evidence, and that of the last iterate.

    Parameters
    ----------
    table
        The statistics, one row per fit, with `message` set for fits that failed.
    thresholds
        The limits of the checks.

    Returns
    -------
    pandas.DataFrame
        `converged` and `adequate`, the answers to the two questions (missing if unknown); `grade`, what
        the second rests on, "reference" or "self", "" if on nothing; `verdict`, one of VERDICTS; `reason`, one sentence; `borderline`, the statistics within one standard error
        of their limit; `verdict_last`, the verdict of the last iterate: if that alone is not close to the
        posterior, it is called not converged, since the average of the iterates shows that it fluctuates.
    """
    averaged = _judge(table, thresholds)
    last = judge_last(table, thresholds)["verdict"]
    fluctuates = (last == "inadequate") & (averaged["verdict"] == "adequate")
    return averaged.assign(verdict_last=last.mask(fluctuates, "not_converged"))


def judge_last(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """The verdict of the last iterate of each fit alone, with its evidence: columns as of `judge`."""
    return _judge(at_last_iterate(table), thresholds)


def at_last_iterate(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the statistics of the last iterate in the place of those of the averaged one."""
    names = [str(name) for name in table if f"{name}_last" in table]
    return table.assign(**{name: table[f"{name}_last"] for name in names})


def _judge(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    table = with_all_statistics(table)
    excess = _excess(table, thresholds)
    answers = _answers(table, excess, thresholds)
    deciding = _deciding_checks(table, answers["verdict"], excess > 0, thresholds)
    return answers.assign(
        reason=explain(table, deciding, answers["grade"], excess > 0, thresholds),
        borderline=_borderline(table, excess),
    )


def violations(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Which checks each fit violates, one boolean column per check, as the verdict counts them.

    Indirect checks count only where the optimality gap is not known.
    """
    return _excess(with_all_statistics(table), thresholds) > 0


def deciding_checks(table: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """What decided each verdict, (fit,): the key of the first violated check of its question.

    "" for adequate fits, "failed" for those that failed. For unjudged ones "gap_unknown",
    "too_few_draws", "reference_unreliable" or "not_computed": what is missing.
    """
    table = with_all_statistics(table)
    excess = _excess(table, thresholds)
    verdict = _answers(table, excess, thresholds)["verdict"]
    return _deciding_checks(table, verdict, excess > 0, thresholds)


def within_limits(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Whether each statistic alone is within its limit, or has none, one boolean column per check."""
    table = with_all_statistics(table)
    return pd.DataFrame(
        {check.statistic: ~(check.excess(table, thresholds) > 0) for check in CHECKS}
    )


def _excess(table: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """How far each statistic is beyond its limit, (fit, check), as the verdict counts it."""
    known, grade = elbo_gap_known(table, thresholds), _grade(table)
    excess = {}
    for check in CHECKS:
        own = check.excess(table, thresholds).astype(float)
        if check.indirect:
            own = own.mask(known, -np.inf)
        if check.grade:
            own = own.mask((grade != "") & (grade != check.grade), -np.inf)
        excess[check.statistic] = own
    return pd.DataFrame(excess)


def _grade(table: pd.DataFrame) -> pd.Series:
    """What the answer to the second question rests on, (fit,): "reference", "self" or ""."""
    grade = pd.Series("", index=table.index)
    for name in ("self", "reference"):  # so that the reference wins
        grade = grade.mask(table[list(NEEDED[name])].notna().all(axis=1), name)
    return grade


def _convergence_unknown(table: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """Where the optimality gap would be needed and is not known, (fit,).

    A guide fitted as a point, such as the Laplace approximation, has no gap: its parameters come to rest.
    """
    return ~elbo_gap_known(table, thresholds) & (table["fitted_as_point"] == 0)


def _unjudged(table: pd.DataFrame, thresholds: Thresholds) -> pd.Series:
    """What is missing to call a fit adequate, (fit,): a key, "" if nothing is."""
    grade = _grade(table)
    unreliable = pd.Series("", index=table.index)
    if "reference_unreliable" in table:
        unreliable = table["reference_unreliable"].fillna("")
    noise = noise_excess(table, thresholds) > 0
    by_self = noise.columns.str.startswith("psis_")
    noisy = noise.loc[:, by_self].any(axis=1) & (grade == "self")
    noisy |= noise.loc[:, ~by_self].any(axis=1) & (grade == "reference")
    missing = pd.Series("", index=table.index)
    missing = missing.mask(_convergence_unknown(table, thresholds), "gap_unknown")
    missing = missing.mask(noisy, "too_few_draws")
    missing = missing.mask(grade == "", "not_computed")
    return missing.mask((grade == "") & (unreliable != ""), "reference_unreliable")


def _answers(table: pd.DataFrame, excess: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Columns `converged`, `adequate`, `grade` and `verdict`."""
    violated, known = excess > 0, excess.notna()
    failed = table["message"].notna()

    def answer(question: str) -> pd.Series:
        names = [check.statistic for check in CHECKS if check.question == question]
        passed = ~violated[names].any(axis=1)
        return passed.astype("boolean").mask(~known[names].any(axis=1) | failed, pd.NA)

    diverged = ~answer("diverged").fillna(True) & ~failed
    converged, adequate = answer("converged"), answer("adequate")
    unknown = _convergence_unknown(table, thresholds)
    converged = converged.mask(converged.fillna(False) & unknown, pd.NA).mask(diverged, False)
    unjudged = _unjudged(table, thresholds) != ""
    adequate = adequate.mask(diverged | (adequate.fillna(True) & unjudged), pd.NA)
    verdict = pd.Series("adequate", index=table.index)
    verdict = verdict.mask(unjudged, "unjudged")
    verdict = verdict.mask(~adequate.fillna(True), "inadequate")
    verdict = verdict.mask(~converged.fillna(True), "not_converged")
    verdict = verdict.mask(diverged, "diverged").mask(failed, "failed")
    grade = _grade(table).mask(~verdict.isin(["adequate", "inadequate"]), "")
    return pd.DataFrame(
        {"converged": converged, "adequate": adequate, "grade": grade, "verdict": verdict}
    )


def _deciding_checks(
    table: pd.DataFrame, verdict: pd.Series, violated: pd.DataFrame, thresholds: Thresholds
) -> pd.Series:
    deciding = _unjudged(table, thresholds)
    for check in reversed(CHECKS):  # so that the first one stands
        asked = verdict.map(QUESTIONS) == check.question
        deciding = deciding.mask(asked & violated[check.statistic], check.statistic)
    return deciding.mask(verdict == "adequate", "").mask(verdict == "failed", "failed")


def _borderline(table: pd.DataFrame, excess: pd.DataFrame) -> pd.Series:
    """Statistics within one standard error of their limit, separated by spaces."""
    borderline = pd.Series("", index=table.index)
    for check in CHECKS:
        if check.error:
            close = excess[check.statistic].abs() < table[check.error]
            borderline = borderline.mask(close, borderline + check.statistic + " ")
    return borderline.str.strip()
