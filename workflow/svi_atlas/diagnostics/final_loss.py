"""Mean of the last losses, and whether it lies below what a negative ELBO can reach."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.batch_means import mean_and_error

TAIL_SHARE = 0.05
"""Share of the steps, from the end, whose mean loss is the `final_loss` of a fit."""

MIN_RELATIVE_ERROR = 1e-4
"""The standard error counts as at least this share of the mean (or this many nats): a loss without
noise is known only to the precision of its float32 arithmetic."""


def final_loss(
    loss: Float[np.ndarray, "fit step"], min_loss: float = np.nan
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Mean of the last 5 % of the losses, and how far it lies below its lower bound.

    Parameters
    ----------
    loss
        Losses in nats; non-finite ones are left out.
    min_loss
        Lower bound of the loss in nats: minus the log evidence, since no ELBO exceeds the log
        evidence. NaN if it is unknown, or if the loss is no negative ELBO.

    Returns
    -------
    final_loss, final_loss_se
        Mean and its standard error by batch means, nats.
    evidence_violation_z
        How many standard errors the mean lies below `min_loss`; NaN if that is unknown.
    """
    count = max(1, round(TAIL_SHARE * loss.shape[-1]))
    tail = np.where(np.isfinite(loss[:, -count:]), loss[:, -count:].astype(float), np.nan)
    mean, error = mean_and_error(tail)
    precision = MIN_RELATIVE_ERROR * np.maximum(1.0, np.abs(mean))
    violation = (min_loss - mean) / np.maximum(error, precision)
    return {"final_loss": mean, "final_loss_se": error, "evidence_violation_z": violation}
