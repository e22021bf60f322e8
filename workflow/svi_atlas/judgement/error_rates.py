"""How often a verdict, a single statistic and the usual rules are wrong, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from svi_atlas.judgement.verdict import within_limits
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
    """Columns `distance`, `is_converged`, `is_adequate`, `is_right`, a row a fit.

    `distance` is KL(fit||optimum of its family) in nats per parameter of the guide, of the nearest
    where there are several; `is_converged` if it is at most what the thresholds allow to be left to
    gain; `is_adequate` if that optimum has the posterior's means and sds within the thresholds.
    optima: by (model, guide); posterior: exact mean and sd (dimension,) by model.
    """
    found = pd.DataFrame(index=table.index, columns=["distance"], dtype=float)
    adequate = pd.Series(False, index=table.index)
    for key, fits in table.groupby(["model", "guide"]):
        model, guide = map(str, key)
        mean, sd = posterior[model]
        size = len(mean)
        full = guide == "AutoMultivariateNormal"
        num_parameters = size + (size * (size + 1) // 2 if full else size)
        distance = np.array([_distance(fits, guide, each) for each in optima[model, guide]])
        close = np.array([_is_close(each, mean, sd, thresholds) for each in optima[model, guide]])
        found.loc[fits.index, "distance"] = distance.min(0) / num_parameters
        adequate[fits.index] = close[distance.argmin(0)]
    found["is_converged"] = found["distance"] <= thresholds["elbo_gap"]
    found["is_adequate"] = adequate
    found["is_right"] = found["is_converged"] & found["is_adequate"]
    return found


def rates(
    table: pd.DataFrame,
    right: pd.Series,
    splits: Mapping[str, tuple[str, ...]],
    thresholds: Mapping[str, float],
) -> pd.DataFrame:
    """One row per rule and split: counts of wrong and right fits, those called adequate, and both rates.

    splits: models by split, "tuning" for choosing thresholds, "held_out" for reporting only. The rates
    have exact 95 % intervals (Clopper and Pearson 1934).
    """
    within = within_limits(table, thresholds)
    rules = {name: rule(table) for name, rule in RULES.items()}
    rules |= {f"{name} alone": within[name] for name in within if not within[name].all()}
    rows = []
    for rule, called in rules.items():
        for split, models in splits.items():
            chosen = table["model"].isin(models)
            row: dict[str, Any] = {"rule": rule, "split": split}
            for name, kind in (("wrong", ~right), ("right", right)):
                count = int((chosen & kind).sum())
                positive = int((chosen & kind & called).sum())
                row |= {name: count, f"{name}_called_adequate": positive}
                row |= _rate(positive, count, f"{name}_rate")
            rows.append(row)
    return pd.DataFrame(rows)


def _rate(positive: int, count: int, name: str) -> dict[str, float]:
    if count == 0:
        return {name: np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    interval = stats.binomtest(positive, count).proportion_ci(method="exact")
    return {name: positive / count, f"{name}_low": interval.low, f"{name}_high": interval.high}


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


def _distance(fits: pd.DataFrame, guide: str, optimum: FamilyOptimum) -> np.ndarray:
    """KL(fitted Gaussian||optimum), nats, (fit,); infinite where the fit is not finite."""
    size = len(optimum.mean)
    if guide == "AutoMultivariateNormal":
        mean = _components(fits, "param.auto_loc", (size,))
        scale = _components(fits, "param.auto_scale_tril", (size, size))
    else:
        mean = _components(fits, "param.x_auto_loc", (size,))
        scale = np.einsum(
            "fi,ij->fij", _components(fits, "param.x_auto_scale", (size,)), np.eye(size)
        )
    white = np.linalg.inv(np.linalg.cholesky(optimum.covariance))
    shift = (mean - optimum.mean) @ white.T
    spread = white @ scale
    with np.errstate(all="ignore"):
        log_volume = np.log(np.abs(np.diagonal(spread, axis1=1, axis2=2))).sum(-1)
        distance = 0.5 * ((spread**2).sum((1, 2)) + (shift**2).sum(-1) - size) - log_volume
    return np.where(np.isfinite(distance), distance, np.inf)


def _components(fits: pd.DataFrame, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(fit, *shape) from the columns `name[0]`, `name[0,1]`, ..."""
    columns = [f"{name}[{','.join(map(str, index))}]" for index in np.ndindex(shape)]
    return fits[columns].to_numpy(float).reshape(-1, *shape)
