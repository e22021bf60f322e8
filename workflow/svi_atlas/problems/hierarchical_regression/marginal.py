"""The hyperparameters' density with the lines integrated out, and the lines given them.

Given the five hyperparameters the lines are Gaussian (Lindley and Smith 1972, "Bayes estimates for
the linear model"). A position, (5,), holds the two means and the logarithms of the two spreads and
of the noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist


class Sums(NamedTuple):
    """What the density needs of each group's observations, with X = (1, x).

    Attributes
    ----------
    design : (group, 2, 2) X'X.
    product : (group, 2) X'y.
    square : (group,) y'y.
    """

    design: np.ndarray
    product: np.ndarray
    square: np.ndarray


class Lines(NamedTuple):
    """The lines given the hyperparameters.

    Attributes
    ----------
    mean : (group, 2)
    covariance, precision : (group, 2, 2)
    residual : (group, 2) X'(y - X m), with m the population's mean.
    shift : (group, 2) of the mean from m.
    """

    mean: jax.Array
    covariance: jax.Array
    precision: jax.Array | np.ndarray
    residual: jax.Array | np.ndarray
    shift: jax.Array


def sums_of_groups(data: Mapping[str, np.ndarray]) -> Sums:
    """The sums, in double precision, of `x` and `y`, each (group, observation)."""
    x, y = (np.asarray(data[name], float) for name in ("x", "y"))
    design = np.stack([np.ones_like(x), x], -1)
    return Sums(
        np.einsum("gni,gnj->gij", design, design),
        np.einsum("gni,gn->gi", design, y),
        (y**2).sum(1),
    )


def lines_given(position: jax.Array, sums: Sums) -> Lines:
    """Mean and covariance of every line given the hyperparameters."""
    mean, spread, noise = position[:2], jnp.exp(position[2:4]), jnp.exp(position[4])
    precision = sums.design / noise**2 + jnp.diag(spread**-2)
    residual = sums.product - sums.design @ mean
    covariance = jnp.linalg.inv(precision)
    shift = (covariance @ residual[..., None])[..., 0] / noise**2
    return Lines(mean + shift, covariance, precision, residual, shift)


def log_density(position: jax.Array, sums: Sums, num_observations: int) -> jax.Array:
    """Log of prior, marginal likelihood and Jacobian of the logarithms, nats.

    Parameters
    ----------
    position : (5,)
    sums : of all groups.
    num_observations : per group.
    """
    mean, scales = position[:2], position[2:]
    lines = lines_given(position, sums)
    noise = jnp.exp(position[4])
    squared = sums.square - 2 * sums.product @ mean
    squared = squared + jnp.einsum("i,gij,j->g", mean, sums.design, mean)
    log_likelihood = (
        -0.5 * num_observations * jnp.log(2 * jnp.pi)
        - num_observations * scales[2]
        - scales[:2].sum()
        - 0.5 * jnp.linalg.slogdet(lines.precision)[1]
        - 0.5 * (squared / noise**2 - (lines.residual * lines.shift).sum(-1) / noise**2)
    )
    log_prior = dist.Normal(0.0, 1.0).log_prob(mean).sum()
    log_prior += (dist.HalfNormal(1.0).log_prob(jnp.exp(scales)) + scales).sum()
    return log_likelihood.sum() + log_prior
