"""The checks behind a verdict: one statistic each, against one limit.

Which limits are used is part of the configuration (`thresholds` in config/config.yaml). The key of a
check is its `statistic`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.khat import khat_limit

Thresholds = Mapping[str, float]
"""Limits by name of the statistic."""

Excess = Callable[[pd.DataFrame, Thresholds], pd.Series]


@dataclass(frozen=True)
class Check:
    """One statistic against its limit.

    Attributes
    ----------
    question
        What a violation answers: "diverged", "converged" or "adequate".
    statistic
        The column that is checked, and the key of the check. `last_iterate` combines several columns.
    error
        The column of its Monte Carlo standard error, if it has one.
    excess
        (table, thresholds) -> how far the statistic is beyond its limit, (fit,). Positive is a
        violation, NaN a missing statistic, minus infinity a check that does not apply.
    sentence
        What a violation means, without capital and full stop, to be filled in from the columns of the
        fit, from the thresholds as `limit_<name>`, and from `loss_fall` (nats per 1,000 steps).
    indirect
        A sign of convergence that counts only where the optimality gap is not known.
    grade
        What the check rests on: "reference", "self" (the fits alone, where no reference can be
        trusted), or "" for both.
    """

    question: str
    statistic: str
    error: str | None
    excess: Excess
    sentence: str
    indirect: bool = False
    grade: str = ""


def elbo_gap_known(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    """Where the estimate of the optimality gap is precise enough to decide, (fit,).

    suffix: "" for the last iterate, "_averaged" for the averaged one.
    """
    gap, error = table[f"elbo_gap{suffix}"], table[f"elbo_gap_se{suffix}"]
    return (error <= limit["elbo_gap"] / 2) | (gap - 3 * error > limit["elbo_gap"])


def _above(statistic: str) -> Excess:
    """Excess of a statistic that must not exceed its threshold."""
    return lambda table, limit: table[statistic] - limit[statistic]


def _parameters_not_finite(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return 0.5 - table["finite_parameters"]


def _loss_acceleration_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """A growing rate of fall, checked only where no evidence bounds the loss."""
    excess = table["loss_acceleration_z"] - limit["loss_acceleration_z"]
    return excess.where(table["evidence_violation_z"].isna())


def _guide_has_factors(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return (table["guide_factors"] != "").astype(float) - 0.5


def _improper_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return (table["improper"] != "").astype(float) - 0.5


def _elbo_gap_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return (table["elbo_gap"] - limit["elbo_gap"]).where(elbo_gap_known(table, limit))


def _ess_shortfall(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return limit["ess"] - table["ess"]


def _loss_fall_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The fall of the loss beyond its limit, where it exceeds two standard errors."""
    fall = -table["loss_drift"]
    significant = fall > 2 * table["loss_drift_se"]
    return (fall - limit["loss_drift"]).where(significant | fall.isna(), -np.inf)


def _khat_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    """The shape of the tail beyond its limit, where the tail carries more than its limit."""
    bounds = table["num_draws"].map(lambda draws: khat_limit(int(draws), limit["khat"]))
    excess = table[f"khat{suffix}"] - bounds
    heavy = ~(table[f"tail_share{suffix}"] <= limit["tail_share"])
    return excess.where(heavy | (excess < 0), -np.inf)


MAX_WIDENING = 0.5
"""Share of a limit by which noise may widen it: with more an error of twice the limit could pass."""


def _mean_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    """The error of a mean beyond its limit, widened by its noise."""
    error = table[f"mean_error{suffix}"]
    return _beyond(error, table[f"mean_error_low{suffix}"], limit["mean_error"])


def _sd_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    """The error of an sd beyond its limit, widened by its noise."""
    error = (table[f"sd_ratio{suffix}"] - 1).abs()
    return _beyond(error, table[f"sd_error_low{suffix}"], limit["sd_ratio"])


def _psis_mean_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return _beyond(table["psis_mean_error"], table["psis_mean_error_low"], limit["mean_error"])


def _psis_sd_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    error = (table["psis_sd_ratio"] - 1).abs()
    return _beyond(error, table["psis_sd_error_low"], limit["sd_ratio"])


def _combination_mean_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    error = table[f"combination_mean_error{suffix}"]
    return _certainly_beyond(
        error, table, f"combination_mean_error{{}}{suffix}", limit["mean_error"]
    )


def _combination_sd_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    error = (table[f"combination_sd_ratio{suffix}"] - 1).abs()
    return _certainly_beyond(error, table, f"combination_sd_error{{}}{suffix}", limit["sd_ratio"])


def _tail_excess(table: pd.DataFrame, limit: Thresholds, suffix: str = "") -> pd.Series:
    error = table[f"tail_error{suffix}"]
    return _certainly_beyond(error, table, f"tail_error{{}}{suffix}", limit["tail_error"])


def _certainly_beyond(
    error: pd.Series, table: pd.DataFrame, columns: str, limit: float
) -> pd.Series:
    """How far an error is beyond its limit; where noise alone may exceed it, only for certain.

    columns: pattern of the columns with the endings `_low` and `_noise`.
    """
    certain, noise = table[columns.format("_low")], table[columns.format("_noise")]
    return _beyond(error, certain, limit).where(~(noise > limit), certain - limit)


def _kl_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """KL divergence per component beyond its limit, less two standard errors; checked where it is known."""
    certain = (table["kl"] - 2 * table["kl_se"]) / table["num_components"]
    return (certain - limit["kl"]).fillna(-np.inf)


def _beyond(error: pd.Series, certain: pd.Series, limit: float) -> pd.Series:
    """How far an error is beyond its limit: for certain, or by more than noise may excuse."""
    return (
        certain.where(certain > error - MAX_WIDENING * limit, error - MAX_WIDENING * limit) - limit
    )


def _elbo_deficit_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """What another fit has more of ELBO, beyond what the optimality gap may be in all."""
    allowed = np.maximum(limit["elbo_deficit"], limit["elbo_gap"] * table["gap_parameters"])
    return table["elbo_deficit"] - allowed


def _mass_elsewhere_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return table["mass_elsewhere"] - limit["mass_elsewhere"]


def _point_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return table["is_point"].astype(float) - 0.5


def noise_excess(table: pd.DataFrame, limit: Thresholds) -> pd.DataFrame:
    """How far the noise of each comparison is beyond the limit it is compared with, (fit, comparison).

    Positive where the draws, or the reference, are too few to decide anything.
    """
    return pd.DataFrame({name: table[name] - limit[key] for name, key in NOISE.items()})


NOISE = {
    "mean_error_noise": "mean_error",
    "sd_error_noise": "sd_ratio",
    "psis_mean_error_noise": "mean_error",
    "psis_sd_error_noise": "sd_ratio",
}
"""Noise of each comparison -> the limit that it must not exceed.

Not of linear combinations and tail probabilities: where components are heavy-tailed or many, noise would forbid
every verdict on them, while what it may excuse of an error is bounded anyway (MAX_WIDENING).
"""

COMPARED = (
    "mean_error",
    "sd_error",
    "combination_mean_error",
    "combination_sd_error",
    "tail_error",
    "psis_mean_error",
    "psis_sd_error",
)
"""Comparisons with the columns `<name>_low` and `<name>_noise`."""


def _last_iterate_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """Positive where the averaged iterate is adequate and the last one, for its noise, is not."""
    accuracy = (
        _khat_excess,
        _mean_excess,
        _sd_excess,
        _combination_mean_excess,
        _combination_sd_excess,
        _tail_excess,
    )
    last, averaged = (
        pd.concat([excess(table, limit, suffix) for excess in accuracy], axis=1).max(axis=1)
        for suffix in ("", "_averaged")
    )
    return last.where(averaged <= 0, -np.inf).where(last.notna())


CHECKS = (
    Check(
        "diverged",
        "nonfinite",
        None,
        _above("nonfinite"),
        "{nonfinite:.2%} of the losses are not finite, the first at step {first_nonfinite:.0f}",
    ),
    Check(
        "diverged",
        "finite_parameters",
        None,
        _parameters_not_finite,
        "a parameter is not finite at the end of the fit",
    ),
    Check(
        "diverged",
        "evidence_violation_z",
        None,
        _above("evidence_violation_z"),
        "the loss, {final_loss:.4g} nats, lies {evidence_violation_z:.3g} standard errors below minus "
        "the log evidence, where no negative ELBO can be: it falls without bound",
    ),
    Check(
        "diverged",
        "loss_acceleration_z",
        None,
        _loss_acceleration_excess,
        "the loss falls at a growing rate, by {loss_fall:.3g} nats per 1,000 steps at the end of the "
        "run, and no log evidence is known that would bound it",
    ),
    Check(
        "diverged",
        "guide_factors",
        None,
        _guide_has_factors,
        "the guide has the factor site {guide_factors}, which is not part of a density that can be "
        "drawn from: its loss is not a negative ELBO and has no lower bound (it went from "
        "{loss_first:.4g} to {final_loss:.4g} nats)",
    ),
    Check(
        "diverged",
        "improper",
        None,
        _improper_excess,
        "the posterior is improper, since {improper}: the loss has no lower bound. Give these sites a proper "
        "prior, or leave them out",
    ),
    Check(
        "converged",
        "elbo_gap",
        "elbo_gap_se",
        _elbo_gap_excess,
        "the optimality gap is about {elbo_gap:.2g} nats per parameter, above the limit of "
        "{limit_elbo_gap:g}: the fit has not reached the optimum of the guide's family",
    ),
    Check(
        "converged",
        "elbo_deficit",
        None,
        _elbo_deficit_excess,
        "another fit of the same guide has an ELBO that is higher by at least {elbo_deficit:.2g} nats: "
        "this one is at a local optimum",
    ),
    Check(
        "converged",
        "rhat",
        "rhat_se",
        _above("rhat"),
        "the parameters are still drifting: split R-hat is {rhat:.2f} over the best window, the last "
        "{window:.0f} steps, above the limit of {limit_rhat:g}",
        indirect=True,
    ),
    Check(
        "converged",
        "ess",
        "ess_se",
        _ess_shortfall,
        "the iterates of the last {window:.0f} steps are worth {ess:.0f} independent ones; at least "
        "{limit_ess:g} are needed to tell rest from drift",
        indirect=True,
    ),
    Check(
        "converged",
        "loss_drift",
        "loss_drift_se",
        _loss_fall_excess,
        "the loss is still falling, by {loss_fall:.3f} nats per 1,000 steps, above the limit of "
        "{limit_loss_drift:g}",
        indirect=True,
    ),
    Check(
        "converged",
        "averaging_gain",
        "averaging_gain_se",
        _above("averaging_gain"),
        "the last iterate fluctuates about the optimum: averaging the iterates raises the ELBO by "
        "{averaging_gain:.3f} nats, above the limit of {limit_averaging_gain:g}",
        indirect=True,
    ),
    Check(
        "converged",
        "last_iterate",
        None,
        _last_iterate_excess,
        "the last iterate fluctuates about the optimum: it is inaccurate (a mean is off by "
        "{mean_error:.2f} posterior standard deviations, the sd ratio is {sd_ratio:.2f}), whereas the "
        "averaged iterate is accurate ({mean_error_averaged:.2f} and {sd_ratio_averaged:.2f})",
        indirect=True,
    ),
    Check(
        "adequate",
        "is_point",
        None,
        _point_excess,
        "the guide is a point: it has no spread",
    ),
    Check(
        "adequate",
        "outside_support",
        None,
        _above("outside_support"),
        "{outside_support:.2%} of the guide's draws fall where the density of the model is zero",
    ),
    Check(
        "adequate",
        "missed_mass",
        None,
        _above("missed_mass"),
        "the guide misses the mode at {missed_mode}, and with it {missed_mass:.0%} of the posterior mass",
    ),
    Check(
        "adequate",
        "mass_elsewhere",
        None,
        _mass_elsewhere_excess,
        "other fits of the same guide have found at least {mass_elsewhere:.0%} of the posterior mass "
        "where this one never draws",
    ),
    Check(
        "adequate",
        "khat",
        "khat_se",
        _khat_excess,
        "the importance weights have a heavy tail: k-hat is {khat:.2f}, and the tail carries "
        "{tail_share:.1%} of their sum",
    ),
    Check(
        "adequate",
        "mean_error",
        "mean_error_se",
        _mean_excess,
        "a posterior mean is off by {mean_error:.2f} posterior standard deviations, above the limit of "
        "{limit_mean_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "sd_ratio",
        "sd_ratio_se",
        _sd_excess,
        "a standard deviation is {sd_ratio:.2f} times that of the posterior, outside the limits of "
        "1 ± {limit_sd_ratio:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "combination_sd_ratio",
        "combination_sd_ratio_se",
        _combination_sd_excess,
        "the standard deviation of a linear combination of the components is {combination_sd_ratio:.2f} "
        "times that of the posterior, outside the limits of 1 ± {limit_sd_ratio:g}: correlations are not "
        "those of the posterior",
        grade="reference",
    ),
    Check(
        "adequate",
        "combination_mean_error",
        "combination_mean_error_se",
        _combination_mean_excess,
        "the mean of a linear combination of the components is off by {combination_mean_error:.2f} "
        "posterior standard deviations, above the limit of {limit_mean_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "tail_error",
        "tail_error_se",
        _tail_excess,
        "the probability beyond the posterior's 5 or 95 % quantile of a component is off by {tail_error:.3f}, "
        "above the limit of {limit_tail_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "kl",
        None,
        _kl_excess,
        "the Kullback-Leibler divergence from the posterior is {kl:.2g} nats, above the limit of "
        "{limit_kl:g} for each of the {num_components:.0f} components",
        grade="reference",
    ),
    Check(
        "adequate",
        "psis_mean_error",
        "psis_mean_error_se",
        _psis_mean_excess,
        "importance weights move the mean of a component, or of a linear combination, by "
        "{psis_mean_error:.2f} posterior standard deviations, more than the limit of {limit_mean_error:g}",
        grade="self",
    ),
    Check(
        "adequate",
        "psis_sd_ratio",
        "psis_sd_ratio_se",
        _psis_sd_excess,
        "the standard deviation of a component, or of a linear combination, is {psis_sd_ratio:.2f} times "
        "the one that importance weights give, outside the limits of 1 ± {limit_sd_ratio:g}",
        grade="self",
    ),
)
"""In the order in which they are named as the reason."""

NEEDED = {
    "reference": (
        "khat",
        "mean_error",
        "sd_ratio",
        "combination_mean_error",
        "combination_sd_ratio",
        "tail_error",
    ),
    "self": ("khat", "psis_mean_error", "psis_sd_ratio"),
}
"""Without these statistics nothing is called adequate, by what the verdict rests on."""


def with_all_statistics(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every column that a check reads, NaN where it is missing: failed fits have none."""
    names = [name for check in CHECKS for name in (check.statistic, check.error) if name]
    compared = [f"{name}_{part}" for name in COMPARED for part in ("low", "noise")]
    names += [
        *compared,
        "tail_share",
        "gap_parameters",
        "fitted_as_point",
        "num_components",
        "kl_se",
    ]
    of_reference = [name for name in compared if not name.startswith("psis_")]
    averaged = (*NEEDED["reference"], "tail_share", *of_reference)
    names += [f"{name}_averaged" for name in averaged]
    table = table.reindex(columns=table.columns.union(names, sort=False))
    flags = {name: table[name].fillna(0.0) for name in ("is_point", "fitted_as_point")}
    improper = table["improper"].astype(object)
    return table.assign(**flags, improper=improper.where(improper.notna(), ""))
