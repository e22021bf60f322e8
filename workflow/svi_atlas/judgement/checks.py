"""The checks behind a verdict: one statistic each, against one limit.

Which limits are used is part of the configuration (`thresholds` in config/config.yaml). The key of a
check is its `statistic`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from svi_atlas.judgement.excess import (
    COMPARED,
    Excess,
    above,
    combination_mean_excess,
    combination_sd_excess,
    elbo_deficit_excess,
    elbo_gap_excess,
    ess_excess,
    factors_excess,
    improper_excess,
    khat_excess,
    kl_excess,
    loss_acceleration_excess,
    loss_fall_excess,
    mass_elsewhere_excess,
    mean_excess,
    parameters_excess,
    point_excess,
    psis_mean_excess,
    psis_sd_excess,
    sd_excess,
    tail_excess,
)


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


CHECKS = (
    Check(
        "diverged",
        "nonfinite",
        None,
        above("nonfinite"),
        "{nonfinite:.2%} of the losses are not finite, the first at step {first_nonfinite:.0f}",
    ),
    Check(
        "diverged",
        "finite_parameters",
        None,
        parameters_excess,
        "a parameter is not finite at the end of the fit",
    ),
    Check(
        "diverged",
        "evidence_violation_z",
        None,
        above("evidence_violation_z"),
        "the loss, {final_loss:.4g} nats, lies {evidence_violation_z:.3g} standard errors below minus "
        "the log evidence, where no negative ELBO can be: it falls without bound",
    ),
    Check(
        "diverged",
        "loss_acceleration_z",
        None,
        loss_acceleration_excess,
        "the loss falls at a growing rate, by {loss_fall:.3g} nats per 1,000 steps at the end of the "
        "run, and no log evidence is known that would bound it",
    ),
    Check(
        "diverged",
        "guide_factors",
        None,
        factors_excess,
        "the guide has the factor site {guide_factors}, which is not part of a density that can be "
        "drawn from: its loss is not a negative ELBO and has no lower bound (it went from "
        "{loss_first:.4g} to {final_loss:.4g} nats)",
    ),
    Check(
        "diverged",
        "improper",
        None,
        improper_excess,
        "the posterior is improper, since {improper}: the loss has no lower bound. Give these sites a proper "
        "prior, or leave them out",
    ),
    Check(
        "converged",
        "elbo_gap",
        "elbo_gap_se",
        elbo_gap_excess,
        "the optimality gap is about {elbo_gap:.2g} nats per parameter, above the limit of "
        "{limit_elbo_gap:g}: the fit has not reached the optimum of the guide's family",
    ),
    Check(
        "converged",
        "elbo_deficit",
        None,
        elbo_deficit_excess,
        "another fit of the same guide has an ELBO that is higher by at least {elbo_deficit:.2g} nats: "
        "this one is at a local optimum",
    ),
    Check(
        "converged",
        "rhat",
        "rhat_se",
        above("rhat"),
        "the parameters are still drifting: split R-hat is {rhat:.2f} over the best window, the last "
        "{window:.0f} steps, above the limit of {limit_rhat:g}",
        indirect=True,
    ),
    Check(
        "converged",
        "ess",
        "ess_se",
        ess_excess,
        "the iterates of the last {window:.0f} steps are worth {ess:.0f} independent ones; at least "
        "{limit_ess:g} are needed to tell rest from drift",
        indirect=True,
    ),
    Check(
        "converged",
        "loss_drift",
        "loss_drift_se",
        loss_fall_excess,
        "the loss is still falling, by {loss_fall:.3f} nats per 1,000 steps, above the limit of "
        "{limit_loss_drift:g}",
        indirect=True,
    ),
    Check(
        "adequate",
        "is_point",
        None,
        point_excess,
        "the guide is a point: it has no spread",
    ),
    Check(
        "adequate",
        "outside_support",
        None,
        above("outside_support"),
        "{outside_support:.2%} of the guide's draws fall where the density of the model is zero",
    ),
    Check(
        "adequate",
        "missed_mass",
        None,
        above("missed_mass"),
        "the guide misses the mode at {missed_mode}, and with it {missed_mass:.0%} of the posterior mass",
    ),
    Check(
        "adequate",
        "mass_elsewhere",
        None,
        mass_elsewhere_excess,
        "other fits of the same guide have found at least {mass_elsewhere:.0%} of the posterior mass "
        "where this one never draws",
    ),
    Check(
        "adequate",
        "khat",
        "khat_se",
        khat_excess,
        "the importance weights have a heavy tail: k-hat is {khat:.2f}, and the tail carries "
        "{tail_share:.1%} of their sum",
        grade="self",
    ),
    Check(
        "adequate",
        "mean_error",
        "mean_error_se",
        mean_excess,
        "a posterior mean is off by {mean_error:.2f} posterior standard deviations, above the limit of "
        "{limit_mean_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "sd_ratio",
        "sd_ratio_se",
        sd_excess,
        "a standard deviation is {sd_ratio:.2f} times that of the posterior, outside the limits of "
        "1 ± {limit_sd_ratio:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "combination_sd_ratio",
        "combination_sd_ratio_se",
        combination_sd_excess,
        "the standard deviation of a linear combination of the components is {combination_sd_ratio:.2f} "
        "times that of the posterior, outside the limits of 1 ± {limit_sd_ratio:g}: correlations are not "
        "those of the posterior",
        grade="reference",
    ),
    Check(
        "adequate",
        "combination_mean_error",
        "combination_mean_error_se",
        combination_mean_excess,
        "the mean of a linear combination of the components is off by {combination_mean_error:.2f} "
        "posterior standard deviations, above the limit of {limit_mean_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "tail_error",
        "tail_error_se",
        tail_excess,
        "the probability beyond the posterior's 5 or 95 % quantile of a component is off by {tail_error:.3f}, "
        "above the limit of {limit_tail_error:g}",
        grade="reference",
    ),
    Check(
        "adequate",
        "kl",
        None,
        kl_excess,
        "the Kullback-Leibler divergence from the posterior is {kl:.2g} nats, above the limit of "
        "{limit_kl:g} for each of the {num_components:.0f} components",
        grade="reference",
    ),
    Check(
        "adequate",
        "psis_mean_error",
        "psis_mean_error_se",
        psis_mean_excess,
        "importance weights move the mean of a component, or of a linear combination, by "
        "{psis_mean_error:.2f} posterior standard deviations, more than the limit of {limit_mean_error:g}",
        grade="self",
    ),
    Check(
        "adequate",
        "psis_sd_ratio",
        "psis_sd_ratio_se",
        psis_sd_excess,
        "the standard deviation of a component, or of a linear combination, is {psis_sd_ratio:.2f} times "
        "the one that importance weights give, outside the limits of 1 ± {limit_sd_ratio:g}",
        grade="self",
    ),
)
"""In the order in which they are named as the reason."""

NEEDED = {
    "reference": (
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
    table = table.reindex(columns=table.columns.union(names, sort=False))
    flags = {name: table[name].fillna(0.0) for name in ("is_point", "fitted_as_point")}
    improper = table["improper"].astype(object)
    return table.assign(**flags, improper=improper.where(improper.notna(), ""))
