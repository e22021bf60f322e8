"""From statistics and thresholds to one verdict a fit, with its evidence.

Two questions, never one: has the optimiser reached the best member of the guide's family
(converged), and is what it reached close to the posterior (adequate)?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.khat import khat_limit

VERDICTS = ("failed", "diverged", "not_converged", "inadequate", "adequate")


@dataclass(frozen=True)
class Check:
    """One statistic against its limit.

    question: what a violation answers: "diverged", "converged" or "adequate".
    statistic: its column. error: the column of its Monte Carlo standard error, if it has one.
    excess: (table, thresholds) -> how far beyond its limit, (fit,); positive is a violation, NaN
        where the statistic is missing.
    words: what a violation means, with the fit's columns and the thresholds to fill in.
    indirect: a sign of rest or drift, asked only where what is left to gain is not known.
    """

    question: str
    statistic: str
    error: str | None
    excess: Callable[[pd.DataFrame, Mapping[str, float]], pd.Series]
    words: str
    indirect: bool = False


def elbo_gap_known(table: pd.DataFrame, limit: Mapping[str, float], suffix: str = "") -> pd.Series:
    """Where the estimate of what is left to gain is precise enough to decide, (fit,)."""
    elbo_gap, error = table[f"elbo_gap{suffix}"], table[f"elbo_gap_se{suffix}"]
    return (error <= limit["elbo_gap"] / 2) | (elbo_gap - 3 * error > limit["elbo_gap"])


def _elbo_gap_excess(table, limit):
    return (table["elbo_gap"] - limit["elbo_gap"]).where(elbo_gap_known(table, limit))


def _loss_fall(table, limit):
    """The fall of the loss beyond its limit, where it exceeds two standard errors."""
    fall = -table["loss_drift"]
    sure = fall > 2 * table["loss_drift_se"]
    return (fall - limit["loss_drift"]).where(sure | fall.isna(), -np.inf)


def _loss_acceleration(table, limit):
    """A growing fall, asked only where no evidence bounds the loss."""
    return (table["loss_acceleration_z"] - limit["loss_acceleration_z"]).where(
        table["evidence_violation_z"].isna()
    )


def _khat_excess(table, limit, suffix=""):
    """The tail's shape beyond its limit, where the tail carries more than its limit."""
    bounds = table["num_draws"].map(lambda draws: khat_limit(int(draws), limit["khat"]))
    excess = table[f"khat{suffix}"] - bounds
    return excess.where(
        ~(table[f"tail_share{suffix}"] <= limit["tail_share"]) | (excess < 0), -np.inf
    )


def _mean_excess(table, limit, suffix=""):
    return table[f"mean_error{suffix}"] - limit["mean_error"]


def _sd_excess(table, limit, suffix=""):
    return (table[f"sd_ratio{suffix}"] - 1).abs() - limit["sd_ratio"]


def _average_better(table, limit):
    """Positive where the averaged iterate is adequate and the last one, for its noise, is not."""
    excess = [
        pd.concat(
            [of(table, limit, suffix) for of in (_khat_excess, _mean_excess, _sd_excess)], axis=1
        ).max(axis=1)
        for suffix in ("", "_averaged")
    ]
    return excess[0].where(excess[1] <= 0, -np.inf).where(excess[0].notna())


CHECKS = (
    Check("diverged", "nonfinite", None,
          lambda table, limit: table["nonfinite"] - limit["nonfinite"],
          "{nonfinite:.2%} of the losses are not finite, the first at step {first_nonfinite:.0f}"),
    Check("diverged", "finite_parameters", None,
          lambda table, limit: 0.5 - table["finite_parameters"],
          "a parameter is not finite at the end of the fit"),
    Check("diverged", "evidence_violation_z", None,
          lambda table, limit: table["evidence_violation_z"] - limit["evidence_violation_z"],
          "the loss, {final_loss:.4g}, lies {evidence_violation_z:.3g} standard errors below minus the log "
          "evidence, which no ELBO can: it falls without bound"),
    Check("diverged", "loss_acceleration_z", None, _loss_acceleration,
          "the loss falls at a growing rate, by {fall:.3g} nats per 1,000 steps at the end of the run, "
          "and no evidence is known that bounds it"),
    Check("diverged", "guide_factors", None,
          lambda table, limit: (table["guide_factors"] != "").astype(float) - 0.5,
          "the guide has the factor site {guide_factors}, which is no part of a density that can be "
          "drawn from: its loss is no negative ELBO and has no lower bound (it went from "
          "{loss_first:.4g} to {final_loss:.4g})"),
    Check("converged", "elbo_gap", "elbo_gap_se", _elbo_gap_excess,
          "the optimum of the guide's family is not reached: about {elbo_gap:.2g} nats a parameter are "
          "left to gain (limit {limit_elbo_gap:g})"),
    Check("converged", "rhat", "rhat_se",
          lambda table, limit: table["rhat"] - limit["rhat"],
          "the parameters still drift: split R-hat is {rhat:.2f} over the best window of the last "
          "{window:.0f} steps (limit {limit_rhat:g})",
          indirect=True),
    Check("converged", "ess", "ess_se",
          lambda table, limit: limit["ess"] - table["ess"],
          "the iterates of the last {window:.0f} steps are worth {ess:.0f} independent ones "
          "(at least {limit_ess:g} are needed to tell rest from drift)",
          indirect=True),
    Check("converged", "loss_drift", "loss_drift_se", _loss_fall,
          "the loss still falls, by {fall:.3f} nats per 1,000 steps (limit {limit_loss_drift:g})",
          indirect=True),
    Check("converged", "averaging_gain", "averaging_gain_se",
          lambda table, limit: table["averaging_gain"] - limit["averaging_gain"],
          "the last iterate jumps about the optimum: averaging the iterates gains "
          "{averaging_gain:.3f} nats (limit {limit_averaging_gain:g})",
          indirect=True),
    Check("converged", "last_iterate", None, _average_better,
          "the last iterate jumps about the optimum: it is off (mean {mean_error:.2f} sd, sd ratio "
          "{sd_ratio:.2f}) where the average of the iterates is not ({mean_error_averaged:.2f} sd, "
          "{sd_ratio_averaged:.2f})",
          indirect=True),
    Check("adequate", "outside_support", None,
          lambda table, limit: table["outside_support"] - limit["outside_support"],
          "{outside_support:.2%} of the guide's draws fall where the model's density is zero"),
    Check("adequate", "missed_mass", None,
          lambda table, limit: table["missed_mass"] - limit["missed_mass"],
          "the guide misses the mode at {missed_mode}, with {missed_mass:.0%} of the posterior"),
    Check("adequate", "khat", "khat_se", _khat_excess,
          "the importance weights have a heavy tail: k-hat is {khat:.2f}, and {tail_share:.1%} of "
          "their sum is in it"),
    Check("adequate", "mean_error", "mean_error_se", _mean_excess,
          "a posterior mean is off by {mean_error:.2f} posterior sds (limit {limit_mean_error:g})"),
    Check("adequate", "sd_ratio", "sd_ratio_se", _sd_excess,
          "a posterior sd is {sd_ratio:.2f} of the true one (limit 1 +- {limit_sd_ratio:g})"),
)  # fmt: skip
"""In the order in which they are named as the reason."""


NEEDED = ("khat", "mean_error", "sd_ratio")
"""Without these nothing is called adequate."""


def _columns() -> list[str]:
    """Every column a check reads; fits that failed have none of them."""
    names = [name for check in CHECKS for name in (check.statistic, check.error) if name]
    return [*names, "tail_share", *(f"{name}_average" for name in (*NEEDED, "tail_share"))]


def judge(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The verdict of the last iterate of each fit, with its evidence, and that of its average.

    table: the statistics, a row a fit, with `message` set for fits that failed. Returns the columns
    `converged`, `adequate`, `verdict` and `reason`; `borderline`, the statistics within one standard
    error of their limit; `verdict_averaged`, of the averaged iterate; and `better_iterate`, "last" or
    "averaged" where their ELBOs differ by more than two standard errors, else "".
    """
    table = table.reindex(columns=table.columns.union(_columns(), sort=False))
    excess = _excess(table, thresholds)
    answers = _answers(table, excess)
    borderline = pd.Series("", index=table.index)
    for check in CHECKS:
        if check.error:
            close = excess[check.statistic].abs() < table[check.error]
            borderline = borderline.mask(close, borderline + check.statistic + " ")
    violated = excess > 0
    limits = {f"limit_{name}": value for name, value in thresholds.items()}
    reasons = [
        _reason(row, answers["verdict"][index], violated.loc[index], limits)
        for index, row in zip(table.index, table.to_dict("records"), strict=True)
    ]
    average = _of_averaged(table)
    gain, error = table["averaging_gain"], table["averaging_gain_se"]
    better = pd.Series("", index=table.index).mask(gain > 2 * error, "averaged")
    return answers.assign(
        reason=reasons,
        borderline=borderline.str.strip(),
        verdict_averaged=_answers(average, _excess(average, thresholds))["verdict"],
        better_iterate=better.mask(gain < -2 * error, "last"),
    )


def _answers(table: pd.DataFrame, excess: pd.DataFrame) -> pd.DataFrame:
    """Columns `converged`, `adequate` and `verdict`."""
    violated, known = excess > 0, excess.notna()
    failed = table["message"].notna()

    def answer(question: str) -> pd.Series:
        names = [check.statistic for check in CHECKS if check.question == question]
        passed = ~violated[names].any(axis=1)
        return passed.astype("boolean").mask(~known[names].any(axis=1) | failed, pd.NA)

    diverged = ~answer("diverged").fillna(True) & ~failed
    converged = answer("converged").mask(diverged, False)
    unjudged = ~known[list(NEEDED)].all(axis=1)
    adequate = answer("adequate")
    adequate = adequate.mask(diverged | (adequate.fillna(False) & unjudged), pd.NA)
    verdict = pd.Series("adequate", index=table.index)
    verdict = verdict.mask(~adequate.fillna(False), "inadequate")
    verdict = verdict.mask(~converged.fillna(False), "not_converged")
    verdict = verdict.mask(diverged, "diverged").mask(failed, "failed")
    return pd.DataFrame({"converged": converged, "adequate": adequate, "verdict": verdict})


def _of_averaged(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the averaged iterate in the place of the last one."""
    names = [str(name) for name in table if f"{name}_average" in table]
    return table.assign(
        **{name: table[f"{name}_average"] for name in names},
        averaging_gain=0.0,
        averaging_gain_se=0.0,
    )


def within_limits(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Whether each statistic by itself is within its limit, or none applies, (fit, statistic)."""
    table = table.reindex(columns=table.columns.union(_columns(), sort=False))
    return pd.DataFrame(
        {check.statistic: ~(check.excess(table, thresholds) > 0) for check in CHECKS}
    )


def _excess(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """How far each statistic is beyond its limit, as the verdict asks it."""
    known = elbo_gap_known(table, thresholds)
    excess = {}
    for check in CHECKS:
        own = check.excess(table, thresholds).astype(float)
        excess[check.statistic] = own.mask(known, -np.inf) if check.indirect else own
    return pd.DataFrame(excess)


def _reason(row: dict, verdict: str, violated: pd.Series, limits: dict[str, float]) -> str:
    if verdict == "failed":
        return f"The model or the guide raised {row['message']}"
    values = {**row, **limits, "fall": -row["loss_drift"]}
    if verdict == "adequate":
        sentence = "Stationary, and close to the posterior on every statistic"
        if row["nonfinite"] > 0:
            sentence += ", although a share of {nonfinite:.1g} of the losses is not finite"
        return sentence.format(**values) + "."
    question = {"diverged": "diverged", "not_converged": "converged"}.get(verdict, "adequate")
    for check in CHECKS:
        if check.question == question and violated[check.statistic]:
            words = check.words.format(**values)
            if verdict == "not_converged" and violated["missed_mass"]:
                words += "; and the guide misses the mode at {missed_mode}".format(**values)
            return words[0].upper() + words[1:] + "."
    if isinstance(row.get("reference_unreliable"), str) and row["reference_unreliable"]:
        return f"It cannot be judged: the reference is unreliable ({row['reference_unreliable']})."
    unknown = [name for name in NEEDED if np.isnan(row[name])]
    return f"It cannot be judged: {' and '.join(unknown)} could not be computed."
