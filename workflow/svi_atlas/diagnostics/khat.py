"""Pareto k-hat: how heavy is the tail of the importance weights p/q?

The generalised Pareto fit is ArviZ's. k-hat cannot see a missed mode: the guide never draws there.

References
----------
Yao, Vehtari, Simpson, Gelman (2018), "Yes, but did it work?". Vehtari, Simpson, Gelman, Yao, Gabry (2024),
"Pareto smoothed importance sampling". Smith (1987), "Estimating tails of probability distributions".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Float

MAX_CONSTANT_RANGE_NATS = 1e-4
"""Log weights within this range are equal but for rounding: the guide is the posterior, and the Pareto
fit, which needs a tail, is skipped."""

MIN_CHECKED_KHAT = 0.5
"""From here on, the fitted shape is checked against the weights. Where they are bounded and pile up at
their maximum (a Normal guide inside a Beta posterior), the Pareto fit returns values like 4 although
no weight is even twice the mean; the shape is then the one that the largest weight implies."""

MAX_PILED_UP_MEAN = 0.5
"""Weights pile up at their maximum if their mean is more than this share of it."""


def khat(log_weight: Float[np.ndarray, "fit draw"]) -> dict[str, Float[np.ndarray, " fit"]]:
    """k-hat with all draws and with a quarter of them, and the importance sampling efficiency.

    Parameters
    ----------
    log_weight
        ln p(data, z) - ln q(z) of draws z from the guide q, nats. Zero weights (minus infinity)
        count; a fit with an undefined or infinite weight gets NaN.

    Returns
    -------
    khat, khat_se
        Shape of the tail, and its standard error (1 + k) / sqrt(size of the tail) (Smith). Minus
        infinity, with the error NaN, for nearly constant weights: the limit of a tail without spread,
        a perfect guide.
    khat_quarter
        The same from the first quarter of the draws.
    tail_share
        What the weights of the tail add beyond the start of the tail, over the sum of all weights. An
        expectation of something bounded by 1 changes by no more than this if the tail is cut off, so
        that the shape of a tail with next to no weight is no defect of the guide.
    is_efficiency
        Effective sample size of importance sampling, over the number of draws.
    """
    quarter = log_weight.shape[-1] // 4
    shapes = _by_fit(_shape, log_weight)
    error = (1 + shapes) / np.sqrt(tail_size(log_weight.shape[-1]))
    return {
        "khat": shapes,
        "khat_se": np.where(np.isfinite(error), np.maximum(error, 0.0), np.nan),
        "khat_quarter": _by_fit(_shape, log_weight[:, :quarter]),
        "tail_share": _by_fit(_tail_share, log_weight),
        "is_efficiency": _by_fit(_efficiency, log_weight),
    }


def khat_limit(num_draws: int, highest: float = 0.7) -> float:
    """Largest k-hat at which this many draws are reliable: min(1 - 1/log10(S), highest)."""
    return min(1 - 1 / np.log10(num_draws), highest)


def _by_fit(statistic: Callable[[np.ndarray], float], log_weight: np.ndarray) -> np.ndarray:
    return np.array([statistic(weights) for weights in log_weight], float)


def _shape(log_weight: np.ndarray) -> float:
    weights = log_weight.astype(float)
    if np.isnan(weights).any() or np.isposinf(weights).any() or np.isneginf(weights).all():
        return float("nan")
    positive = weights[np.isfinite(weights)]
    if len(positive) == len(weights) and np.ptp(weights) < MAX_CONSTANT_RANGE_NATS:
        return float("-inf")
    tail = tail_size(len(weights))
    start, *_ = np.partition(weights, -tail)[-tail:]
    if start == weights.max():
        return float("-inf")
    lowest = positive.min() - 100.0
    # ArviZ's argument is a log likelihood, minus the log weight.
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = float(array_stats.psislw(-np.maximum(weights, lowest))[1])
    relative = np.exp(weights - weights.max())
    if fitted > MIN_CHECKED_KHAT and relative.mean() > MAX_PILED_UP_MEAN:
        return float((weights.max() - start) / np.log(tail))
    return fitted


def _tail_share(log_weight: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        weights = np.sort(np.exp(log_weight.astype(float) - log_weight.max()))
    if not np.isfinite(weights).all():
        return float("nan")
    tail = weights[-tail_size(len(weights)) :]
    return float((tail - tail[0]).sum() / weights.sum())


def tail_size(num_draws: int) -> int:
    """Number of the largest weights that count as their tail (Vehtari et al. 2024)."""
    return int(np.ceil(min(num_draws / 5, 3 * np.sqrt(num_draws))))


def _efficiency(log_weight: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        weights = np.exp(log_weight.astype(float) - log_weight.max())
    if not np.isfinite(weights).all():
        return float("nan")
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))
