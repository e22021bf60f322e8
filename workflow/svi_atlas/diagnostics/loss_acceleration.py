"""Does the loss fall at a growing rate, as an objective without a lower bound does?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.loss_drift import linear_trend, window_length


def loss_acceleration(
    negative_elbo: Float[np.ndarray, "fit step"], stride: int = 1, num_batches: int = 40
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Whether the loss falls at a growing rate, quarter by quarter of the run.

    The trends of the last three quarters are compared, each with the one before. A loss that
    approaches an optimum falls ever more slowly; only one that is unbounded falls ever faster.

    Parameters
    ----------
    negative_elbo
        Losses in nats, each the mean of `stride` steps.
    stride
        Steps per stored loss.
    num_batches
        See `loss_drift`.

    Returns
    -------
    loss_acceleration_z
        The smallest of three z-scores: the two growths of the rate of fall from one quarter to the
        next, and the rate of fall in the first of the three. NaN for fewer losses than three
        quarters need.
    """
    quarter = window_length(negative_elbo)
    num_losses = negative_elbo.shape[-1]
    if num_losses < 3 * quarter:
        return {"loss_acceleration_z": np.full(len(negative_elbo), np.nan)}
    ends = [num_losses - age * quarter for age in (2, 1, 0)]
    trends = [
        linear_trend(negative_elbo[:, end - quarter : end], stride, num_batches) for end in ends
    ]
    slopes, errors = np.stack(trends, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = (slopes[:-1] - slopes[1:]) / np.hypot(errors[:-1], errors[1:])
        return {"loss_acceleration_z": np.minimum(growth.min(0), -slopes[0] / errors[0])}
