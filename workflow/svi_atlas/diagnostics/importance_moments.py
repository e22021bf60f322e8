"""Means and standard deviations of a guide against those that its own importance weights give.

Weighted by p/q, draws from the guide are draws from the posterior, as far as the guide reaches. The
difference needs no reference, and both sides share the noise of the draws, which cancels where the weights
are equal. It says nothing where the weights have a heavy tail (see `khat`) or where the guide never draws.

References
----------
Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Float

from svi_atlas.diagnostics.components import directions, flatten, largest_error, varying
from svi_atlas.diagnostics.khat import tail_size


def importance_moments(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    log_weight: Float[np.ndarray, "fit draw"],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest correction of a mean and of a standard deviation by Pareto smoothed importance sampling.

    Compared are all components of all sites, and linear combinations of them (`components.directions`).

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    log_weight
        ln p(data, z) - ln q(z) of these draws, nats. Zero weights (minus infinity) count; a fit with an
        undefined or infinite weight gets NaN.

    Returns
    -------
    psis_mean_error, psis_mean_error_se
        Largest |mean - corrected mean| in corrected standard deviations, and its standard error.
    psis_sd_ratio, psis_sd_ratio_se
        Standard deviation over the corrected one, where it is farthest from 1 (in log), and its
        standard error.
    psis_mean_error_low, psis_mean_error_noise, psis_sd_error_low, psis_sd_error_noise
        See `components.largest_error`.
    """
    values = np.concatenate([flatten(draws[site]) for site in sorted(draws)], axis=-1)
    with np.errstate(
        divide="ignore", invalid="ignore", over="ignore"
    ):  # one weight beyond all others
        rows = [
            _compare(one.astype(float), weights.astype(float))
            for one, weights in zip(values, log_weight, strict=True)
        ]
    return {name: np.array([row[name] for row in rows]) for name in NAMES}


NAMES = tuple(
    f"psis_{name}"
    for name in (
        "mean_error",
        "mean_error_se",
        "mean_error_low",
        "mean_error_noise",
        "sd_ratio",
        "sd_ratio_se",
        "sd_error_low",
        "sd_error_noise",
    )
)


def _compare(
    values: Float[np.ndarray, "draw component"], log_weight: Float[np.ndarray, " draw"]
) -> dict[str, float]:
    """The columns of one fit."""
    if not (log_weight.max() < np.inf and np.isfinite(values).all()):
        return dict.fromkeys(NAMES, np.nan)
    values = values[:, varying(values.mean(0), values.std(0))]
    weights = _smooth(log_weight)
    root = np.sqrt(len(weights))
    mean = weights @ values / len(weights)
    centred = values - mean
    sd = np.sqrt(weights @ centred**2 / len(weights))
    standard = centred / sd
    combined = standard @ directions(standard.shape[1])
    combined /= np.sqrt(weights @ combined**2 / len(weights))
    standard = np.concatenate([standard, combined], axis=1)
    # Differences are means over the draws, of terms that vanish where all weights are 1.
    shift = standard.mean(0)
    of_mean = largest_error(
        np.abs(shift)[None], (((weights - 1)[:, None] * standard).std(0) / root)[None]
    )
    ratio = np.sqrt(np.maximum((standard**2).mean(0) - shift**2, 0.0))
    terms = (1 - weights)[:, None] * (standard**2 - 1)
    ratio_error = terms.std(0) / (2 * ratio * root)
    of_sd = largest_error(np.abs(ratio - 1)[None], ratio_error[None])
    worst = np.abs(np.log(ratio)).argmax() if len(ratio) else None
    columns = (
        *(float(value[0]) for value in of_mean),
        1.0 if worst is None else float(ratio[worst]),
        0.0 if worst is None else float(ratio_error[worst]),
        float(of_sd.low[0]),
        float(of_sd.noise[0]),
    )
    return dict(zip(NAMES, columns, strict=True))


def _smooth(log_weight: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """Pareto smoothed weights with mean 1."""
    if log_weight.max() - log_weight.min() < MAX_CONSTANT_RANGE_NATS:
        return np.ones(len(log_weight))
    tail = tail_size(len(log_weight))
    logs = np.maximum(log_weight - log_weight.max(), -MAX_RANGE_NATS)
    if (
        np.partition(logs, -tail)[-tail] > -MAX_CONSTANT_RANGE_NATS
    ):  # an equal tail needs no smoothing
        weights = np.exp(logs)
        return weights / weights.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        smoothed = array_stats.psislw(-logs)[0]
    weights = np.exp(smoothed - smoothed.max())
    return weights / weights.mean()


MAX_CONSTANT_RANGE_NATS = 1e-4
"""Log weights within this range are equal but for rounding."""

MAX_RANGE_NATS = 700.0
"""Below the largest by more than this a weight is zero."""
