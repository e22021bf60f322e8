"""References of large problems: importance sampling about the posterior's mode.

With many observations a posterior of few dimensions is close to a Gaussian, so that draws from a
slightly wider Student's t, weighted, are exact up to their Monte Carlo error, which is known. (Kass,
Tierney and Kadane 1991, Laplace's method in Bayesian analysis; Owen 2013, Monte Carlo, chapter 9.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

DEGREES_OF_FREEDOM = 7
LEAST_SHARE = 0.2
"""Least effective share of the proposals for a reference that can be trusted."""


@dataclass(frozen=True)
class Weighted:
    """Points (point, dim) with weights (point,) that sum to one.

    log_evidence: nats. share: effective share of the points, 1 / (points * sum of squared weights).
    """

    points: np.ndarray
    weights: np.ndarray
    log_evidence: float
    share: float

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Posterior mean of values (point, ...)."""
        return np.tensordot(self.weights, values, 1)

    def moments(self, values: np.ndarray) -> tuple[np.ndarray, ...]:
        """Mean, sd and their Monte Carlo standard errors, of values (point, ...)."""
        mean = self.mean(values)
        deviation = values - mean
        variance = self.mean(deviation**2)
        sd = np.sqrt(variance)
        weights = self.weights**2
        mean_se = np.sqrt(np.tensordot(weights, deviation**2, 1))
        sd_se = np.sqrt(np.tensordot(weights, (deviation**2 - variance) ** 2, 1)) / (2 * sd)
        return mean, sd, mean_se, sd_se

    def resampled(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Indices (count,) of points drawn by weight, systematically, in random order."""
        places = (np.arange(count) + rng.random()) / count
        chosen = np.searchsorted(np.cumsum(self.weights), places)
        return rng.permutation(np.minimum(chosen, len(self.weights) - 1))

    @property
    def unreliable(self) -> str:
        if self.share >= LEAST_SHARE:
            return ""
        return (
            f"importance sampling kept {self.share:.1%} of its proposals "
            f"({LEAST_SHARE:.0%} are needed): the posterior is far from Gaussian"
        )


def about_mode(
    log_density: Callable[[jax.Array], jax.Array],
    start: np.ndarray,
    num_points: int,
    at_once: int,
) -> Weighted:
    """Weighted draws from the density of unconstrained coordinates (dim,).

    log_density: traceable, in double precision, unnormalised, nats. start: (dim,). at_once: points that
    are evaluated at a time, for memory's sake.
    """
    with jax.enable_x64(True):
        mode, precision = _mode(log_density, np.asarray(start, float))
        scale = np.linalg.inv(np.linalg.cholesky(precision)).T
        rng = np.random.default_rng(0)
        dim, df = len(mode), DEGREES_OF_FREEDOM
        normal = rng.standard_normal((num_points, dim))
        stretch = np.sqrt(df / rng.chisquare(df, (num_points, 1)))
        points = mode + (normal * stretch) @ scale.T
        evaluate = jax.jit(lambda points: jax.lax.map(log_density, points, batch_size=at_once))
        height = np.asarray(evaluate(jnp.asarray(points)), float)
    squared = ((normal * stretch) ** 2).sum(1)
    log_weight = height - _log_student(squared, dim, df, np.linalg.slogdet(scale)[1])
    largest = log_weight.max()
    weights = np.exp(log_weight - largest)
    log_evidence = float(largest + np.log(weights.mean()))
    weights /= weights.sum()
    return Weighted(points, weights, log_evidence, float(1 / (weights**2).sum() / num_points))


def _mode(log_density, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mode and the negative Hessian there, by Newton's method with halved steps."""
    height = jax.jit(log_density)
    slopes = jax.jit(lambda x: (jax.grad(log_density)(x), jax.hessian(log_density)(x)))
    for _ in range(100):
        gradient, hessian = (np.asarray(array) for array in slopes(position))
        values, vectors = np.linalg.eigh(-hessian)
        values = np.maximum(np.abs(values), 1e-6)
        step = vectors @ ((vectors.T @ gradient) / values)
        if gradient @ step < 1e-9:
            return position, (vectors * values) @ vectors.T
        before = float(height(position))
        for _ in range(40):
            if float(height(position + step)) > before:
                break
            step = step / 2
        position = position + step
    raise RuntimeError("the mode of the posterior was not found in 100 Newton steps")


def _log_student(squared: np.ndarray, dim: int, df: int, log_det: float) -> np.ndarray:
    """ln density of a multivariate Student's t at squared standardised distances (point,)."""
    from scipy.special import gammaln

    constant = gammaln((df + dim) / 2) - gammaln(df / 2) - dim / 2 * np.log(df * np.pi) - log_det
    return constant - (df + dim) / 2 * np.log1p(squared / df)
