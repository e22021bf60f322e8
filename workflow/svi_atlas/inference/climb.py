"""From a start to a mode of a posterior whose coordinates may have very different scales.

L-BFGS comes near; Newton steps with the exact Hessian, damped where they lead too far (Levenberg 1944,
Marquardt 1963), arrive. What is tested does not depend on the scales of the coordinates: the Newton
decrement, which is the height in nats that is still to be gained (Boyd and Vandenberghe 2004, Convex
optimization, section 9.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg, optimize

from svi_atlas.inference.posterior import Posterior

MAX_STEPS = 100
"""Steps of L-BFGS, and as many of Newton."""

MAX_DECREMENT = {True: 1e-6, False: 1e-3}
"""Nats still to be gained at which a climb has arrived, in 64 bits and in 32."""

MIN_DAMPING, MAX_DAMPING = 1e-8, 1e8
"""Damping that is tried where Newton's step leads too far, in units of a diagonal of ones."""

MIN_GAIN = 1e-4
"""Share of the predicted gain that a step must bring."""

FAR = 1e300
"""Stands for a loss that is not finite, which L-BFGS cannot take."""


@dataclass(frozen=True, eq=False)
class Curvature:
    """Minus the Hessian of a log density, scaled to a diagonal of ones.

    scaled: (dim, dim); scale: (dim,), standard deviation of each coordinate given the others.
    """

    scaled: Float[np.ndarray, "dim dim"]
    scale: Float[np.ndarray, " dim"]

    @classmethod
    def of(cls, hessian: Float[np.ndarray, "dim dim"]) -> Curvature:
        """That of the Hessian of a log density; the scale is 1 where the diagonal is zero or NaN."""
        with np.errstate(invalid="ignore", over="ignore"):
            diagonal = np.abs(np.diagonal(hessian))
            scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
            symmetric = -(hessian + hessian.T) / 2
            return cls(symmetric * scale * scale[:, None], scale)

    @property
    def finite(self) -> bool:
        """Whether all second derivatives are finite."""
        return bool(np.isfinite(self.scaled).all())

    def solve(
        self, gradient: Float[np.ndarray, " dim"], damping: float
    ) -> Float[np.ndarray, " dim"] | None:
        """Newton's step with `damping` added to the diagonal; None where that is not positive definite."""
        if not self.finite:
            return None
        try:
            factor = linalg.cho_factor(self.scaled + damping * np.eye(len(self.scale)))
        except linalg.LinAlgError:
            return None
        step: np.ndarray = self.scale * linalg.cho_solve(factor, self.scale * gradient)
        return step

    def distance(self, step: Float[np.ndarray, " dim"]) -> float:
        """Length of a step in standard deviations."""
        scaled = step / self.scale
        return float(np.sqrt(max(scaled @ self.scaled @ scaled, 0.0)))

    def principal_axes(self) -> tuple[Float[np.ndarray, " axis"], Float[np.ndarray, "dim axis"]]:
        """Eigenvalues, the smallest first, and axes of the scaled matrix."""
        values, axes = linalg.eigh(self.scaled)
        return values, axes

    def scale_tril(self) -> Float[np.ndarray, "dim dim"]:
        """Cholesky factor of the covariance matrix, which is the inverse."""
        reverse = linalg.cholesky(self.scaled[::-1, ::-1], lower=True)
        inverse = linalg.solve_triangular(reverse, np.eye(len(self.scale)), lower=True)
        factor: np.ndarray = self.scale[:, None] * inverse.T[::-1, ::-1]
        return factor


@dataclass(frozen=True, eq=False)
class Climb:
    """Where a climb ended.

    position: (dim,); height: log density there, nats; arrived: whether it is a mode; curvature: there.
    drift: (dim,), how far each coordinate moved in the second half of the steps; rise: and how far the
    log density rose with it, nats.
    """

    position: Float[np.ndarray, " dim"]
    height: float
    arrived: bool
    curvature: Curvature
    drift: Float[np.ndarray, " dim"]
    rise: float


def climb(posterior: Posterior, start: Float[np.ndarray, " dim"]) -> Climb:
    """Climb from a start, at which the log density and its gradient are finite."""
    return _Climber(posterior, start).run()


class _Climber:
    """A climb on its way: the places it has passed and their heights."""

    def __init__(self, posterior: Posterior, start: np.ndarray) -> None:
        self.posterior = posterior
        way = _come_near(posterior, start)
        self.places, self.heights = [place for place, _ in way], [height for _, height in way]
        self.gradient = posterior.slope(self.places[-1])[1]
        self.damping = 0.0

    def run(self) -> Climb:
        for _ in range(MAX_STEPS):
            curvature = Curvature.of(self.posterior.hessian(self.places[-1]))
            if self._arrive(curvature):
                return self._end(True)
            if not self._step(curvature):
                break
        return self._end(False)

    def _end(self, arrived: bool) -> Climb:
        middle, place, height = len(self.places) // 2, self.places[-1], self.heights[-1]
        curvature = Curvature.of(self.posterior.hessian(place))
        drift, rise = place - self.places[middle], height - self.heights[middle]
        return Climb(place, height, arrived, curvature, drift, rise)

    def _arrive(self, curvature: Curvature) -> bool:
        """Take the last step if it gains next to nothing."""
        for damping in (0.0, MIN_DAMPING):
            step = curvature.solve(self.gradient, damping)
            if step is not None:
                break
        if step is None:
            return False
        decrement = 0.5 * float(self.gradient @ step)
        rounding = 10 * float(np.finfo(float if self.posterior.double else np.float32).eps)
        tolerance = max(MAX_DECREMENT[self.posterior.double], rounding * abs(self.heights[-1]))
        if not decrement < tolerance:
            return False
        self._move(step, self.heights[-1] - tolerance)
        return True

    def _step(self, curvature: Curvature) -> bool:
        """Take one step with as much damping as it needs; False if no step leads higher."""
        while self.damping <= MAX_DAMPING:
            step = curvature.solve(self.gradient, self.damping)
            if step is not None:
                gain = float(self.gradient @ step) - 0.5 * curvature.distance(step) ** 2
                if self._move(step, self.heights[-1] + MIN_GAIN * max(gain, 0.0)):
                    eased = self.damping / 100
                    self.damping = eased if eased >= MIN_DAMPING else 0.0
                    return True
            self.damping = max(10 * self.damping, MIN_DAMPING)
        return False

    def _move(self, step: np.ndarray, above: float) -> bool:
        """Make a step if it leads above a height."""
        place = self.places[-1] + step
        height, gradient = self.posterior.slope(place)
        if not (height > above and np.isfinite(height) and np.isfinite(gradient).all()):
            return False
        self.places.append(place)
        self.heights.append(height)
        self.gradient = gradient
        return True


def _come_near(posterior: Posterior, start: np.ndarray) -> list[tuple[np.ndarray, float]]:
    """The way that L-BFGS takes from the start: places and their heights."""

    def loss(position):
        height, gradient = posterior.slope(position)
        if not (np.isfinite(height) and np.isfinite(gradient).all()):
            return FAR, np.zeros_like(position)
        return -height, -gradient

    way = [(start, posterior.slope(start)[0])]

    def remember(intermediate_result):
        if -intermediate_result.fun > way[-1][1]:
            way.append((intermediate_result.x.copy(), -float(intermediate_result.fun)))

    options = {"maxiter": MAX_STEPS}
    optimize.minimize(loss, start, jac=True, method="L-BFGS-B", callback=remember, options=options)
    return way
