"""How often a verdict, a single statistic and common stopping rules are wrong, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.verdict import verdicts, within_limits
from svi_atlas.records import FamilyOptimum

RULES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "verdict": lambda table: table["verdict"] == "adequate",
    "verdict: converged": lambda table: table["converged"].fillna(False),
    "loss looks flat (1 %)": lambda table: table["plateau_change"] < 0.01,
    "Stan ADVI (1 %)": lambda table: table["stan_change"] < 0.01,
    "PyMC parameters (0.1 %)": lambda table: table["pymc_change"] < 0.001,
    "FASO (R-hat 1.1, ESS 25)": lambda table: (table["rhat"] <= 1.1) & (table["ess"] > 25),
    "k-hat (0.7)": lambda table: table["khat"] < 0.7,
}
"""Rule -> whether it calls each fit good. Each single statistic of the verdict is added to them."""


def truth(
    table: pd.DataFrame,
    optima: Mapping[tuple[str, str], Sequence[FamilyOptimum]],
    posterior: Mapping[str, tuple[np.ndarray, np.ndarray]],
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """Which fits are right, by their exact distance from the optimum of their guide's family.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.
    optima
        Optima of the family of a guide by (model, guide), several where they are equally good.
    posterior
        Exact posterior mean and standard deviation, each (dimension,), by model.
    thresholds
        Limits `elbo_gap`, `mean_error` and `sd_ratio`.

    Returns
    -------
    pandas.DataFrame
        One row per fit. `distance`: KL(fit||nearest optimum), nats per parameter of the guide.
        `is_converged`: it is at most the threshold of `elbo_gap`. `is_adequate`: the means and
        standard deviations of that optimum are those of the posterior within the thresholds.
        `is_right`: both.
    """
    distances = pd.Series(np.nan, index=table.index)
    adequate = pd.Series(False, index=table.index)
    for key, fits in table.groupby(["model", "guide"]):
        model, guide = map(str, key)
        mean, sd = posterior[model]
        candidates = optima[model, guide]
        distance = np.array([_divergence(fits, guide, optimum) for optimum in candidates])
        close = np.array([_is_close(optimum, mean, sd, thresholds) for optimum in candidates])
        distances[fits.index] = distance.min(0) / _num_parameters(guide, len(mean))
        adequate[fits.index] = close[distance.argmin(0)]
    converged = distances <= thresholds["elbo_gap"]
    return pd.DataFrame(
        {
            "distance": distances,
            "is_converged": converged,
            "is_adequate": adequate,
            "is_right": converged & adequate,
        }
    )


def rates(
    table: pd.DataFrame,
    right: pd.Series,
    splits: Mapping[str, tuple[str, ...]],
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """One row per rule and split: how many right and wrong fits the rule calls adequate.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.
    right
        Whether each fit is right (`truth`).
    splits
        Models by split: "tuning", on which the thresholds were tuned, and "held_out".
    thresholds
        Limits of the statistics of the verdict.

    Returns
    -------
    pandas.DataFrame
        `rule`, `split`; for `wrong` and `right` fits their number, `*_called_adequate`, how many of
        them the rule calls adequate, `*_rate`, that share, and `*_rate_low`, `*_rate_high`, its exact
        95 % interval (Clopper and Pearson 1934).
    """
    within = within_limits(table, thresholds)
    rules = {name: rule(table) for name, rule in RULES.items()}
    rules["verdict without the reference"] = _without_reference(table, thresholds) == "adequate"
    rules |= {f"{name} alone": within[name] for name in within if not within[name].all()}
    rows = []
    for rule, called in rules.items():
        for split, models in splits.items():
            in_split = table["model"].isin(models)
            row: dict[str, Any] = {"rule": rule, "split": split}
            for name, kind in (("wrong", ~right), ("right", right)):
                count = int((in_split & kind).sum())
                positive = int((in_split & kind & called).sum())
                row |= {name: count, f"{name}_called_adequate": positive}
                row |= _rate(positive, count, f"{name}_rate")
            rows.append(row)
    return pd.DataFrame(rows)


def _without_reference(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.Series:
    """The verdicts of the same fits by what they say themselves."""
    known = [name for name in map(str, table) if name.startswith(OF_THE_REFERENCE)]
    return verdicts(table.assign(**dict.fromkeys(known, np.nan)), thresholds)


OF_THE_REFERENCE = ("mean_error", "sd_ratio", "sd_error", "missed_mass", "evidence_violation_z")
"""Beginnings of the names of columns that a reference is needed for."""


def _rate(positive: int, count: int, name: str) -> dict[str, float]:
    if count == 0:
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    interval = stats.binomtest(positive, count).proportion_ci(method="exact")
    return {name: positive / count, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _num_parameters(guide: str, dimension: int) -> int:
    """Of a full-rank or a mean-field Gaussian guide."""
    if guide_traits(guide).full_rank:
        return dimension + dimension * (dimension + 1) // 2
    return 2 * dimension


def _is_close(
    optimum: FamilyOptimum, mean: np.ndarray, sd: np.ndarray, thresholds: Mapping[str, float]
) -> bool:
    """Whether its means and sds are the posterior's, within the thresholds."""
    error = np.abs(optimum.mean - mean) / sd
    ratio = np.sqrt(np.diag(optimum.covariance)) / sd
    return bool(
        error.max() <= thresholds["mean_error"]
        and np.abs(ratio - 1).max() <= thresholds["sd_ratio"]
    )


def _divergence(fits: pd.DataFrame, guide: str, optimum: FamilyOptimum) -> np.ndarray:
    """KL(fitted Gaussian||optimum), nats, (fit,); infinite where the fit is not finite."""
    size = len(optimum.mean)
    if guide_traits(guide).full_rank:
        mean = _components(fits, "param.auto_loc", (size,))
        scale = _components(fits, "param.auto_scale_tril", (size, size))
    else:
        mean = _components(fits, "param.x_auto_loc", (size,))
        scale = np.einsum(
            "fi,ij->fij", _components(fits, "param.x_auto_scale", (size,)), np.eye(size)
        )
    white = np.linalg.inv(np.linalg.cholesky(optimum.covariance))
    shift = (mean - optimum.mean) @ white.T
    relative_scale = white @ scale
    with np.errstate(all="ignore"):
        log_volume = np.log(np.abs(np.diagonal(relative_scale, axis1=1, axis2=2))).sum(-1)
        squares = (relative_scale**2).sum((1, 2)) + (shift**2).sum(-1)
        divergence = 0.5 * (squares - size) - log_volume
    return np.where(np.isfinite(divergence), divergence, np.inf)


def _components(fits: pd.DataFrame, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(fit, *shape) from the columns `name[0]`, `name[0,1]`, ..."""
    columns = [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(shape)]
    return fits[columns].to_numpy(float).reshape(-1, *shape)
