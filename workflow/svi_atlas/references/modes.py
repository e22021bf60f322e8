"""Where the modes of a posterior are: optima reached from many dispersed starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from svi_atlas.references.posterior import Posterior

SAME = 0.05
"""Optima closer than this many standard deviations (of the peak) are one."""

WIDTHS = np.geomspace(1e-8, 1e4, 241)
"""Standard deviations that are told apart."""


@dataclass(frozen=True)
class LocalMaximum:
    """A local maximum of the density over the unconstrained coordinates.

    position: (dim,). height: ln density there. covariance: (dim, dim), of the Gaussian that
    falls off as the density does close by.
    """

    position: np.ndarray
    height: float
    covariance: np.ndarray

    @property
    def log_mass(self) -> float:
        """ln of the integral of the Gaussian of this height and covariance."""
        return self.height + 0.5 * np.linalg.slogdet(2 * np.pi * self.covariance)[1]


def find_optima(posterior: Posterior, starts: np.ndarray) -> list[LocalMaximum]:
    """The distinct maxima reached from starts (n, dim), the highest first."""

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
    found: list[LocalMaximum] = []
    for height, position in sorted(reached, key=lambda pair: -pair[0]):
        if not any(_same(position, other) for other in found):
            found.append(LocalMaximum(position, height, _covariance(posterior, position)))
    return found


def _same(position: np.ndarray, optimum: LocalMaximum) -> bool:
    step = position - optimum.position
    return bool(step @ np.linalg.solve(optimum.covariance, step) < SAME**2 * len(step))


def _covariance(posterior: Posterior, position: np.ndarray) -> np.ndarray:
    """Axes from the curvature; widths from where the density has fallen to exp(-1/2), since a kink
    or a flat top has no curvature to read a width from."""
    small = 1e-4 if posterior.double else 1e-2
    curvature = np.array(
        [
            posterior.slope(position - step)[1] - posterior.slope(position + step)[1]
            for step in small * np.eye(len(position))
        ]
    )
    curvature = np.nan_to_num(curvature, posinf=0.0, neginf=0.0)
    axes = np.linalg.eigh((curvature + curvature.T) / 2)[1]
    steps = np.concatenate([-WIDTHS, [0.0], WIDTHS])
    heights = np.array([posterior.evaluate(position + np.outer(steps, axis))[0] for axis in axes.T])
    fallen = heights < heights[:, [len(WIDTHS)]] - 0.5
    sides = fallen[:, : len(WIDTHS)], fallen[:, len(WIDTHS) + 1 :]
    widths = [np.where(side.any(axis=1), WIDTHS[side.argmax(axis=1)], WIDTHS[-1]) for side in sides]
    return (axes * np.sqrt(widths[0] * widths[1]) ** 2) @ axes.T
