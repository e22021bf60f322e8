"""Distances between guides in the metric of the Fisher matrix: the optimality gap and step KL.

The Fisher matrix of a guide is estimated from the scores (gradients of ln q) of its draws.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from svi_atlas.inference.schedules import Setting


def estimate_elbo_gap(
    gradients: Float[Array, "draw parameter"], scores: Float[Array, "draw parameter"]
) -> Float[Array, 2]:
    """The optimality gap: ELBO still to be gained inside the guide's family, nats.

    Half the squared length of the gradient of the ELBO in the metric of the guide's Fisher matrix: the
    natural-gradient analogue of the Newton decrement. Near the optimum of a family that holds the
    posterior the ELBO falls by half the squared Fisher distance.

    Parameters
    ----------
    gradients
        Of the log weight ln p - ln q of each draw; draws with one that is not finite are left out.
    scores
        Gradient of ln q of each draw.

    Returns
    -------
    The estimate without its bias from the noise of the mean gradient, and its standard error.

    References
    ----------
    Amari 1998, Natural gradient works efficiently in learning.
    """
    usable = jnp.isfinite(gradients).all(-1) & jnp.isfinite(scores).all(-1)
    count = usable.sum()
    gradients, scores = (jnp.where(usable[:, None], x, 0.0) for x in (gradients, scores))
    mean = gradients.sum(0) / count
    noise = jnp.where(usable[:, None], gradients - mean, 0.0)
    covariance = noise.T @ noise / count / count
    fisher = scores.T @ scores / count
    # Scaled to a unit diagonal; directions that change nothing (an overparametrised guide) are cut.
    scale = jnp.sqrt(jnp.clip(jnp.diagonal(fisher), 1e-30))
    inverse = jnp.linalg.pinv(fisher / scale[:, None] / scale, rtol=1e-5, hermitian=True)
    step = inverse @ (mean / scale)
    step_covariance = inverse @ (covariance / scale[:, None] / scale)
    bias = 0.5 * jnp.trace(step_covariance)
    variance = (
        0.5 * jnp.trace(step_covariance @ step_covariance)
        + (step / scale) @ covariance @ (step / scale)
    )  # fmt: skip
    return jnp.stack([0.5 * (mean / scale) @ step - bias, jnp.sqrt(variance)])


def estimate_squared_distance(
    scores: Float[Array, "draw parameter"], difference: Float[Array, " parameter"]
) -> Float[Array, 2]:
    """Squared length of a difference of parameters in the metric of the guide's Fisher matrix.

    To second order it is the symmetrised Kullback-Leibler divergence of the two guides, nats (Kullback
    1959, Information theory and statistics, 2.6). Returns the estimate and its standard error.
    """
    squares = (scores @ difference) ** 2
    return jnp.stack([squares.mean(), squares.std() / jnp.sqrt(len(squares))])


def neighbouring_settings(
    settings: tuple[Setting, ...],
) -> tuple[Int[np.ndarray, " setting"], Int[np.ndarray, " setting"]]:
    """Positions of the settings with the next smaller and the next larger step size of the same schedule.

    A setting that has no such neighbour stands for itself.
    """
    smaller, larger = (np.arange(len(settings)) for _ in range(2))
    for schedule in {setting.schedule for setting in settings}:
        members = [at for at, setting in enumerate(settings) if setting.schedule == schedule]
        members.sort(key=lambda at: settings[at].step_size)
        smaller[members[1:]], larger[members[:-1]] = members[:-1], members[1:]
    return smaller, larger


def step_kl(
    to_smaller: Float[np.ndarray, "iterate seed setting 2"],
    to_larger: Float[np.ndarray, "iterate seed setting 2"],
    smaller: Int[np.ndarray, " setting"],
) -> Float[np.ndarray, "iterate seed setting 2"]:
    """Symmetrised KL divergence between each fit and that of the next smaller step size of its schedule.

    The mean of the squared lengths in the metrics of both ends.

    Parameters
    ----------
    to_smaller, to_larger
        Squared distances to the neighbours, each with its standard error (last axis).
    smaller
        Positions of the settings with the next smaller step sizes (`neighbouring_settings`).

    Returns
    -------
    The divergence and its standard error, nats; NaN at the smallest step size.
    """
    has_smaller = smaller != np.arange(len(smaller))
    return np.where(has_smaller[:, None], (to_smaller + to_larger[:, :, smaller]) / 2, np.nan)
