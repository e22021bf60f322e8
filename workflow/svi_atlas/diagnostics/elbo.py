"""ELBO by fresh draws, and the KL divergence it implies."""

from __future__ import annotations

import numpy as np

MAX_OUTSIDE_SUPPORT = 0.01
"""Share of draws outside the model's support above which a KL divergence says nothing."""


def elbo(log_weight: np.ndarray, log_evidence: float = np.nan) -> dict[str, np.ndarray]:
    """ELBO, its standard error, and KL(q||p) = ln Z - ELBO where ln Z is known (nats).

    log_weight: (fit, draw), ln p(data, z) - ln q(z) with z from the guide q. Draws where the model's
    density is zero or undefined are left out: strictly such a guide's ELBO is minus infinity, so
    their share is returned as `outside_support`, and above MAX_OUTSIDE_SUPPORT there is no KL divergence (NaN).
    Returns `elbo`, `elbo_se`, `kl`, `kl_se`, `outside_support`, each (fit,).
    """
    mean, error, leak = _mean(log_weight)
    return {
        "elbo": mean,
        "elbo_se": error,
        "kl": np.where(leak > MAX_OUTSIDE_SUPPORT, np.nan, log_evidence - mean),
        "kl_se": np.where(np.isnan(log_evidence) | (leak > MAX_OUTSIDE_SUPPORT), np.nan, error),
        "outside_support": leak,
    }


def averaging_gain(last: np.ndarray, average: np.ndarray) -> dict[str, np.ndarray]:
    """How much higher the ELBO is at the averaged iterate than at the last one (nats).

    last, average: log weights (fit, draw) from the same random numbers, so that the difference has
    a small error. Returns `averaging_gain`, `averaging_gain_se`, each (fit,).
    """
    with np.errstate(invalid="ignore"):
        gain, error, _ = _mean(average.astype(float) - last)
    return {"averaging_gain": gain, "averaging_gain_se": error}


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and standard error of the finite entries, and the share of the others, each (fit,)."""
    usable = np.isfinite(values)
    count = usable.sum(-1)
    kept = np.where(usable, values, 0.0).astype(float)
    mean = np.where(count > 0, kept.sum(-1) / np.maximum(count, 1), np.nan)
    squares = np.where(usable, (kept - mean[:, None]) ** 2, 0.0).sum(-1)
    error = np.where(
        count > 1, np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1)), np.nan
    )
    return mean, error, 1 - usable.mean(-1)
