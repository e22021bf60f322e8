"""Local maxima of a posterior, reached from many dispersed starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import optimize

from svi_atlas.inference.posterior import Posterior

MAX_SAME_DISTANCE = 0.05
"""Standard deviations of the peak, per coordinate. Maxima closer than this are one."""

CANDIDATE_SDS = np.geomspace(1e-8, 1e4, 241)
"""Standard deviations of a peak that are told apart."""


@dataclass(frozen=True)
class LocalMaximum:
    """A local maximum of the density of the unconstrained coordinates.

    Attributes
    ----------
    position : (dim,)
    height : log density at the position, nats.
    covariance : (dim, dim) of the Gaussian that falls off as the density does close by.
    """

    position: Float[np.ndarray, " dim"]
    height: float
    covariance: Float[np.ndarray, "dim dim"]

    @property
    def log_mass(self) -> float:
        """Log integral of the Gaussian of this height and covariance, nats."""
        return self.height + 0.5 * float(np.linalg.slogdet(2 * np.pi * self.covariance)[1])


def find_maxima(posterior: Posterior, starts: Float[np.ndarray, "start dim"]) -> list[LocalMaximum]:
    """The distinct maxima that L-BFGS reaches from the starts, the highest first."""

    def loss(position):
        height, slope = posterior.slope(position)
        if not (np.isfinite(height) and np.isfinite(slope).all()):
            return 1e300, np.zeros_like(position)
        return -height, -slope

    heights, _ = posterior.evaluate(starts)
    reached = []
    for start in starts[np.isfinite(heights)]:
        end = optimize.minimize(loss, start, jac=True, method="L-BFGS-B")
        if end.fun < 1e299:
            reached.append((-float(end.fun), end.x))
    maxima: list[LocalMaximum] = []
    for height, position in sorted(reached, key=lambda pair: -pair[0]):
        if not any(_is_same(position, other) for other in maxima):
            maxima.append(LocalMaximum(position, height, _fit_covariance(posterior, position)))
    return maxima


def _is_same(position: np.ndarray, maximum: LocalMaximum) -> bool:
    step = position - maximum.position
    squared = step @ np.linalg.solve(maximum.covariance, step)
    return bool(squared < MAX_SAME_DISTANCE**2 * len(step))


def _fit_covariance(posterior: Posterior, position: np.ndarray) -> np.ndarray:
    """Covariance (dim, dim) of a peak: its axes from the curvature, its widths from the fall.

    A width is where the density has fallen to exp(-1/2) of the peak, since a kink or a flat top has
    no curvature to read a width from.
    """
    small = 1e-4 if posterior.double else 1e-2
    curvature = np.array(
        [
            posterior.slope(position - step)[1] - posterior.slope(position + step)[1]
            for step in small * np.eye(len(position))
        ]
    )
    curvature = np.nan_to_num(curvature, posinf=0.0, neginf=0.0)
    axes = np.linalg.eigh((curvature + curvature.T) / 2)[1]
    steps = np.concatenate([-CANDIDATE_SDS, [0.0], CANDIDATE_SDS])
    heights = np.array([posterior.evaluate(position + np.outer(steps, axis))[0] for axis in axes.T])
    count = len(CANDIDATE_SDS)
    fallen = heights < heights[:, [count]] - 0.5
    sides = fallen[:, :count], fallen[:, count + 1 :]
    widths = [
        np.where(side.any(axis=1), CANDIDATE_SDS[side.argmax(axis=1)], CANDIDATE_SDS[-1])
        for side in sides
    ]
    return (axes * np.sqrt(widths[0] * widths[1]) ** 2) @ axes.T
