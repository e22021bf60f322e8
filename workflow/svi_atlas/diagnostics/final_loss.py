"""The last losses: their mean, and whether it is below what an ELBO can reach."""

from __future__ import annotations

import numpy as np

TAIL_SHARE = 0.05
"""Share of the steps, from the end, whose mean loss is the fit's `final_loss`."""


def final_loss(loss: np.ndarray, log_evidence: float = np.nan) -> dict[str, np.ndarray]:
    """Mean of the last 5 % of the losses, non-finite ones left out, and how far it is out of bounds.

    loss: (fit, step), nats; log_evidence: nats, NaN if unknown. No ELBO exceeds the log evidence, so
    no loss can stay below its negative: `evidence_violation_z` (fit,) is how many standard errors (batch
    means) the tail lies below, NaN if the evidence is unknown.
    Returns `final_loss`, `final_loss_se`, `evidence_violation_z`, each (fit,).
    """
    count = max(1, round(TAIL_SHARE * loss.shape[-1]))
    tail = np.where(np.isfinite(loss[:, -count:]), loss[:, -count:].astype(float), np.nan)
    mean, error = batch_mean(tail)
    below = (-log_evidence - mean) / np.maximum(error, 1e-4 * np.maximum(1.0, np.abs(mean)))
    return {"final_loss": mean, "final_loss_se": error, "evidence_violation_z": below}


def batch_mean(values: np.ndarray, num_batches: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the last axis and its standard error by batch means, which allows autocorrelation.

    values: (fit, step); NaN entries are left out. Returns two arrays (fit,).
    """
    batches = batch_means(values, num_batches)
    with np.errstate(invalid="ignore"):
        counted = np.isfinite(batches).sum(-1)
        mean = _nanmean(values)
        spread = np.sqrt(_nanmean((batches - _nanmean(batches)[:, None]) ** 2))
        return mean, np.where(counted > 1, spread / np.sqrt(np.maximum(counted - 1, 1)), np.nan)


def batch_means(values: np.ndarray, num_batches: int) -> np.ndarray:
    """Means (fit, batch) of consecutive batches of equal length; a remainder at the start is dropped."""
    num_batches = min(num_batches, values.shape[-1])
    length = values.shape[-1] // num_batches
    kept = values[:, values.shape[-1] - num_batches * length :]
    return _nanmean(kept.reshape(len(values), num_batches, length))


def _nanmean(values: np.ndarray) -> np.ndarray:
    """Mean of the non-NaN entries of the last axis, NaN where there are none, without warnings."""
    known = ~np.isnan(values)
    count = known.sum(-1)
    total = np.where(known, values, 0.0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
