"""How far each statistic of a fit is beyond its limit: positive is a violation.

NaN stands for a statistic that is missing, minus infinity for a check that does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.khat import khat_limit

Thresholds = Mapping[str, float]
"""Limits by name of the statistic."""

Excess = Callable[[pd.DataFrame, Thresholds], pd.Series]
"""(table, limits) -> how far each fit is beyond the limit, (fit,)."""


def elbo_gap_known(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """Where the estimate of the optimality gap is precise enough to decide, (fit,)."""
    gap, error = table["elbo_gap"], table["elbo_gap_se"]
    return (error <= limit["elbo_gap"] / 2) | (gap - 3 * error > limit["elbo_gap"])


def above(statistic: str) -> Excess:
    """Excess of a statistic that must not exceed its threshold."""
    return lambda table, limit: table[statistic] - limit[statistic]


def parameters_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return 0.5 - table["finite_parameters"]


def loss_acceleration_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """A growing rate of fall, checked only where no evidence bounds the loss."""
    excess = table["loss_acceleration_z"] - limit["loss_acceleration_z"]
    return excess.where(table["evidence_violation_z"].isna())


def factors_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return (table["guide_factors"] != "").astype(float) - 0.5


def improper_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return (table["improper"] != "").astype(float) - 0.5


def elbo_gap_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The gap beyond its limit, widened by two standard errors, where it is known well enough."""
    gap, allowed = table["elbo_gap"], limit["elbo_gap"]
    return _beyond(gap, gap - 2 * table["elbo_gap_se"], allowed).where(elbo_gap_known(table, limit))


def ess_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return limit["ess"] - table["ess"]


def loss_fall_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The fall of the loss beyond its limit, where it exceeds two standard errors."""
    fall = -table["loss_drift"]
    significant = fall > 2 * table["loss_drift_se"]
    return (fall - limit["loss_drift"]).where(significant | fall.isna(), -np.inf)


def khat_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The shape of the tail beyond its limit, where the tail carries more than its limit."""
    bounds = table["num_draws"].map(lambda draws: khat_limit(int(draws), limit["khat"]))
    excess = table["khat"] - bounds
    heavy = ~(table["tail_share"] <= limit["tail_share"])
    return excess.where(heavy | (excess < 0), -np.inf)


MAX_WIDENING = 0.5
"""Share of a limit by which noise may widen it: with more an error of twice the limit could pass."""


def mean_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The error of a mean beyond its limit, widened by its noise."""
    error = table["mean_error"]
    return _beyond(error, table["mean_error_low"], limit["mean_error"])


def sd_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """The error of an sd beyond its limit, widened by its noise."""
    error = (table["sd_ratio"] - 1).abs()
    return _beyond(error, table["sd_error_low"], limit["sd_ratio"])


def psis_mean_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return _beyond(table["psis_mean_error"], table["psis_mean_error_low"], limit["mean_error"])


def psis_sd_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    error = (table["psis_sd_ratio"] - 1).abs()
    return _beyond(error, table["psis_sd_error_low"], limit["sd_ratio"])


def combination_mean_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    error = table["combination_mean_error"]
    return _certainly_beyond(error, table, "combination_mean_error{}", limit["mean_error"])


def combination_sd_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    error = (table["combination_sd_ratio"] - 1).abs()
    return _certainly_beyond(error, table, "combination_sd_error{}", limit["sd_ratio"])


def tail_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    error = table["tail_error"]
    return _certainly_beyond(error, table, "tail_error{}", limit["tail_error"])


def _certainly_beyond(
    error: pd.Series, table: pd.DataFrame, columns: str, limit: float
) -> pd.Series:
    """How far an error is beyond its limit; where noise alone may exceed it, only for certain.

    columns: pattern of the columns with the endings `_low` and `_noise`.
    """
    certain, noise = table[columns.format("_low")], table[columns.format("_noise")]
    return _beyond(error, certain, limit).where(~(noise > limit), certain - limit)


def kl_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """KL divergence per component beyond its limit, less two standard errors; checked where it is known."""
    certain = (table["kl"] - 2 * table["kl_se"]) / table["num_components"]
    return (certain - limit["kl"]).fillna(-np.inf)


def _beyond(error: pd.Series, certain: pd.Series, limit: float) -> pd.Series:
    """How far an error is beyond its limit: for certain, or by more than noise may excuse."""
    return (
        certain.where(certain > error - MAX_WIDENING * limit, error - MAX_WIDENING * limit) - limit
    )


def elbo_deficit_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    """What another fit has more of ELBO, beyond what the optimality gap may be in all."""
    allowed = np.maximum(limit["elbo_deficit"], limit["elbo_gap"] * table["gap_parameters"])
    return table["elbo_deficit"] - allowed


def mass_elsewhere_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
    return table["mass_elsewhere"] - limit["mass_elsewhere"]


def point_excess(table: pd.DataFrame, limit: Thresholds) -> pd.Series:
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
