"""References of large problems: importance sampling about the posterior's mode.

With many observations a posterior of few dimensions is close to a Gaussian, so that draws from a
slightly wider Student's t, weighted, are exact up to their Monte Carlo error, which is known. (Kass,
Tierney and Kadane 1991, Laplace's method in Bayesian analysis; Owen 2013, Monte Carlo, chapter 9.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int
from scipy.special import gammaln

DEGREES_OF_FREEDOM = 7
"""Of the Student's t that proposes."""

MIN_EFFECTIVE_SHARE = 0.2
"""Effective share of the proposals that a reference needs if it is to be trusted."""

MAX_NEWTON_STEPS, MAX_HALVINGS = 100, 40
"""Newton steps to the mode, and halvings of each."""

MIN_CURVATURE = 1e-6
"""Eigenvalues of the negative Hessian are kept at least this large in size."""

MIN_DECREMENT = 1e-9
"""Twice the nats that a Newton step promises: with less to gain, the mode is reached."""


@dataclass(frozen=True)
class WeightedDraws:
    """Draws with importance weights.

    Attributes
    ----------
    points : (point, dim)
    weights : (point,) that sum to one.
    log_evidence : nats.
    effective_share : effective share of the points, 1 / (points * sum of squared weights).
    """

    points: Float[np.ndarray, "point dim"]
    weights: Float[np.ndarray, " point"]
    log_evidence: float
    effective_share: float

    def mean(self, values: Float[np.ndarray, " point *site"]) -> Float[np.ndarray, " *site"]:
        """Posterior mean of values at the points."""
        return np.tensordot(self.weights, values, 1)

    def moments(self, values: Float[np.ndarray, " point *site"]) -> Moments:
        """Mean and sd of values at the points, and their Monte Carlo standard errors."""
        mean = self.mean(values)
        deviation = values - mean
        variance = self.mean(deviation**2)
        sd = np.sqrt(variance)
        weights = self.weights**2
        mean_se = np.sqrt(np.tensordot(weights, deviation**2, 1))
        sd_se = np.sqrt(np.tensordot(weights, (deviation**2 - variance) ** 2, 1)) / (2 * sd)
        return Moments(mean, sd, mean_se, sd_se)

    def resample(self, count: int, rng: np.random.Generator) -> Int[np.ndarray, " {count}"]:
        """Indices of points drawn by weight, systematically, in random order."""
        places = (np.arange(count) + rng.random()) / count
        index = np.searchsorted(np.cumsum(self.weights), places)
        return rng.permutation(np.minimum(index, len(self.weights) - 1))

    @property
    def unreliable(self) -> str:
        """Why the draws cannot be trusted, "" if they can."""
        if self.effective_share >= MIN_EFFECTIVE_SHARE:
            return ""
        return (
            f"importance sampling kept {self.effective_share:.1%} of its proposals "
            f"({MIN_EFFECTIVE_SHARE:.0%} are needed): the posterior is far from Gaussian"
        )


class Moments(NamedTuple):
    """Mean and sd of one site, and their Monte Carlo standard errors, each of the site's shape."""

    mean: np.ndarray
    sd: np.ndarray
    mean_se: np.ndarray
    sd_se: np.ndarray


def sample_about_mode(
    log_density: Callable[[jax.Array], jax.Array],
    start: Float[np.ndarray, " dim"],
    num_points: int,
    batch_size: int,
) -> WeightedDraws:
    """Weighted draws from the density of unconstrained coordinates.

    Parameters
    ----------
    log_density : (dim,) -> (), unnormalised, nats; traceable, in double precision.
    start : (dim,) where the search of the mode begins.
    num_points : number of draws.
    batch_size : points that are evaluated at once, for memory's sake.

    Raises
    ------
    RuntimeError
        If the mode is not found.
    """
    with jax.enable_x64(True):
        mode, precision = _find_mode(log_density, np.asarray(start, float))
        scale = np.linalg.inv(np.linalg.cholesky(precision)).T
        rng = np.random.default_rng(0)
        dim, df = len(mode), DEGREES_OF_FREEDOM
        normal = rng.standard_normal((num_points, dim))
        stretch = np.sqrt(df / rng.chisquare(df, (num_points, 1)))
        points = mode + (normal * stretch) @ scale.T
        evaluate = jax.jit(lambda points: jax.lax.map(log_density, points, batch_size=batch_size))
        height = np.asarray(evaluate(jnp.asarray(points)), float)
    squared = ((normal * stretch) ** 2).sum(1)
    log_weight = height - _student_log_density(squared, dim, df, np.linalg.slogdet(scale)[1])
    largest = log_weight.max()
    weights = np.exp(log_weight - largest)
    log_evidence = float(largest + np.log(weights.mean()))
    weights /= weights.sum()
    effective_share = float(1 / (weights**2).sum() / num_points)
    return WeightedDraws(points, weights, log_evidence, effective_share)


def _find_mode(log_density, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mode (dim,) and the negative Hessian there, by Newton's method with halved steps.

    Where the Hessian is not negative definite its eigenvalues count by their size, so that every
    step leads uphill.
    """
    height = jax.jit(log_density)
    derivatives = jax.jit(lambda x: (jax.grad(log_density)(x), jax.hessian(log_density)(x)))
    for _ in range(MAX_NEWTON_STEPS):
        gradient, hessian = (np.asarray(array) for array in derivatives(position))
        values, vectors = np.linalg.eigh(-hessian)
        values = np.maximum(np.abs(values), MIN_CURVATURE)
        step = vectors @ ((vectors.T @ gradient) / values)
        if gradient @ step < MIN_DECREMENT:
            return position, (vectors * values) @ vectors.T
        before = float(height(position))
        for _ in range(MAX_HALVINGS):
            if float(height(position + step)) > before:
                break
            step = step / 2
        position = position + step
    raise RuntimeError(
        f"the mode of the posterior was not found in {MAX_NEWTON_STEPS} Newton steps"
    )


def _student_log_density(squared: np.ndarray, dim: int, df: int, log_det: float) -> np.ndarray:
    """Log density of a multivariate Student's t, at squared standardised distances (point,)."""
    constant = gammaln((df + dim) / 2) - gammaln(df / 2) - dim / 2 * np.log(df * np.pi) - log_det
    return constant - (df + dim) / 2 * np.log1p(squared / df)
