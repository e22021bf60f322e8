"""Pareto k-hat of the importance weights p/q.

Yao, Vehtari, Simpson, Gelman (2018), "Yes, but did it work?"; Vehtari, Simpson, Gelman, Yao, Gabry
(2024), "Pareto smoothed importance sampling". The fit is ArviZ's.
"""

from __future__ import annotations

import numpy as np
from arviz_stats.base import array_stats

CONSTANT_SPREAD = 1e-4
"""Weights whose logs spread less (nats) are equal but for rounding: the guide is the posterior, and
the Pareto fit, which needs a tail, is not asked."""

SUSPICIOUS = 0.5
"""Above it, the fitted shape is checked against the weights. Where they are bounded and pile up at
their maximum (a Normal guide inside a Beta posterior), the Pareto fit returns values like 4 although
no weight is even twice the mean; the shape is then the one that the largest weight implies."""


def khat(log_weight: np.ndarray) -> dict[str, np.ndarray]:
    """k-hat with all draws and with a quarter of them, and the importance sampling efficiency.

    log_weight: (fit, draw), nats. Zero weights (minus infinity) count; a fit with an undefined or
    infinite weight gets NaN. Near-constant weights get minus infinity, the limit of a tail with no
    spread: a perfect guide. It cannot see a missed mode.
    Returns `khat`, `khat_quarter`, `is_efficiency` (effective sample size over draws), each (fit,);
    `tail_share`, what the tail that the shape is fitted to adds beyond its start, over the sum of all
    weights: an expectation of something bounded by 1 moves by no more if the tail is cut off, so that
    the shape of a tail that carries next to nothing is no fault of the guide; and `khat_se`, the standard
    error of a fitted Pareto shape, (1 + k) over the root of the tail's size
    (Smith 1987, Estimating tails of probability distributions).
    """
    quarter = log_weight.shape[-1] // 4
    shapes = np.array([_khat(weights) for weights in log_weight])
    error = (1 + shapes) / np.sqrt(_tail_size(log_weight.shape[-1]))
    return {
        "khat": shapes,
        "khat_se": np.where(np.isfinite(error), np.maximum(error, 0.0), np.nan),
        "khat_quarter": np.array([_khat(weights[:quarter]) for weights in log_weight]),
        "tail_share": np.array([_tail_share(weights) for weights in log_weight]),
        "is_efficiency": np.array([_efficiency(weights) for weights in log_weight]),
    }


def khat_limit(num_draws: int, highest: float = 0.7) -> float:
    """Largest k-hat at which that many draws are reliable: min(1 - 1/log10(S), highest)."""
    return min(1 - 1 / np.log10(num_draws), highest)


def _khat(log_weight: np.ndarray) -> float:
    weights = log_weight.astype(float)
    if np.isnan(weights).any() or np.isposinf(weights).any() or np.isneginf(weights).all():
        return float("nan")
    positive = weights[np.isfinite(weights)]
    if len(positive) == len(weights) and np.ptp(weights) < CONSTANT_SPREAD:
        return float("-inf")
    tail = _tail_size(len(weights))
    start, *_ = np.partition(weights, -tail)[-tail:]
    if start == weights.max():
        return float("-inf")
    lowest = positive.min() - 100.0
    # ArviZ's argument is a log likelihood, minus the log weight.
    fitted = float(array_stats.psislw(-np.maximum(weights, lowest))[1])
    relative = np.exp(weights - weights.max())
    if fitted > SUSPICIOUS and relative.mean() > 0.5:
        return float((weights.max() - start) / np.log(tail))
    return fitted


def _tail_share(log_weight: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        weights = np.sort(np.exp(log_weight.astype(float) - log_weight.max()))
    if not np.isfinite(weights).all():
        return float("nan")
    tail = weights[-_tail_size(len(weights)) :]
    return float((tail - tail[0]).sum() / weights.sum())


def _tail_size(num_draws: int) -> int:
    return int(np.ceil(min(num_draws / 5, 3 * np.sqrt(num_draws))))


def _efficiency(log_weight: np.ndarray) -> float:
    with np.errstate(invalid="ignore"):
        weights = np.exp(log_weight.astype(float) - log_weight.max())
    if not np.isfinite(weights).all():
        return float("nan")
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))
