"""Linear trend of the loss at the end of a fit: does it still fall?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.batch_means import batch_means

WINDOW_SHARE = 0.25
"""Share of the steps, from the end, over which the trend of the loss is measured."""

MIN_WINDOW_LOSSES = 8
"""The window has at least this many losses."""


def loss_drift(
    loss: Float[np.ndarray, "fit step"], stride: int = 1, num_batches: int = 40
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Linear trend of the loss over the last quarter of the steps.

    Parameters
    ----------
    loss
        Losses in nats, each the mean of `stride` steps; non-finite ones are left out.
    stride
        Steps per stored loss.
    num_batches
        A line is fitted by least squares to the means of this many batches; their residuals give
        its standard error.

    Returns
    -------
    loss_drift, loss_drift_se
        Slope and its standard error, nats per 1,000 steps; a falling loss has a negative slope.
    """
    slope, error = linear_trend(loss[:, -window_length(loss) :], stride, num_batches)
    return {"loss_drift": slope, "loss_drift_se": error}


def window_length(loss: Float[np.ndarray, "fit step"]) -> int:
    """Number of losses over which a trend is measured."""
    return max(MIN_WINDOW_LOSSES, round(WINDOW_SHARE * loss.shape[-1]))


def linear_trend(
    window: Float[np.ndarray, "fit step"], stride: int, num_batches: int
) -> tuple[Float[np.ndarray, " fit"], Float[np.ndarray, " fit"]]:
    """Slope of losses and its standard error, nats per 1,000 steps, by least squares on batch means."""
    window = window.astype(float)
    means = batch_means(np.where(np.isfinite(window), window, np.nan), num_batches)
    batch = window.shape[-1] // means.shape[-1]
    time = (np.arange(means.shape[-1]) - (means.shape[-1] - 1) / 2) * batch * stride / 1000
    with np.errstate(invalid="ignore", over="ignore"):
        slope = (means * time).sum(-1) / (time**2).sum()
        residual = means - means.mean(-1, keepdims=True) - slope[:, None] * time
        variance = (residual**2).sum(-1) / max(len(time) - 2, 1)
        return slope, np.sqrt(variance / (time**2).sum())
