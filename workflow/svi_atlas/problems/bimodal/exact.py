"""The bimodal density, its moments and the exact optima of its guide families.

With u1 = (x + y) / sqrt(2) and u2 = (x - y) / sqrt(2), the density is a pair of Gaussian modes in
u1 times a Cauchy in u2, cut to a box in x and y. Needs NumPy and SciPy only.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

SIGMA1, SIGMA2, B = 0.5, 2.0, 5.0
"""Width of a mode, scale of the tail, distance of the modes from the centre."""

HALF_BOX = 20.0
"""x and y lie in [-HALF_BOX, HALF_BOX]."""

CAUCHY_SCALE = math.sqrt(2.0) * SIGMA2
"""u2 is Cauchy with this scale, since its density is 1 / (1 + (u2 / SIGMA2)^2 / 2)."""

SCALE_START, ANGLE_START, WEIGHT_START = 1.0, 0.0, 0.5
"""Where the guides' parameters start: sig1_q, sig2_q and b; theta (radians); weight."""

ANGLE = math.pi / 4
"""Exact angle of the axis through the modes (radians)."""


def log_density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unnormalised log density (nats) at x, y of one shape, inside the box."""
    u1, u2 = (x + y) / np.sqrt(2.0), (x - y) / np.sqrt(2.0)
    modes = np.logaddexp(-0.5 * ((u1 - B) / SIGMA1) ** 2, -0.5 * ((u1 + B) / SIGMA1) ** 2)
    return modes - np.log1p(0.5 * (u2 / SIGMA2) ** 2)


def draw(num_draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Independent exact draws of x and y, each (draw,), by rejection of those outside the box."""
    rng = np.random.default_rng(seed)
    u1 = rng.choice([-B, B], 2 * num_draws) + SIGMA1 * rng.standard_normal(2 * num_draws)
    u2 = CAUCHY_SCALE * rng.standard_cauchy(2 * num_draws)
    x, y = (u1 + u2) / math.sqrt(2.0), (u1 - u2) / math.sqrt(2.0)
    inside = (np.abs(x) < HALF_BOX) & (np.abs(y) < HALF_BOX)
    return x[inside][:num_draws], y[inside][:num_draws]


def log_evidence() -> float:
    """Natural logarithm of the mean of the density over the box (nats), by quadrature over u1."""
    return math.log(_integrate_over_box("mass") / (2 * HALF_BOX) ** 2)


def standard_deviation() -> float:
    """Standard deviation of x, which is that of y, by quadrature over u1."""
    mass, square1, square2 = map(_integrate_over_box, ("mass", "square1", "square2"))
    return math.sqrt((square1 + square2) / mass / 2.0)


def _integrate_over_box(factor: str) -> float:
    """Integral over the box of the density times 1, u1^2 or u2^2; over u2 in closed form."""
    from scipy import integrate  # slow to import, and not needed to fit

    def over_u2(u1):
        edge = math.sqrt(2.0) * HALF_BOX - abs(u1)
        angle = math.atan(edge / CAUCHY_SCALE)
        mass = 2 * CAUCHY_SCALE * angle
        if factor == "square2":
            return 2 * CAUCHY_SCALE**2 * (edge - CAUCHY_SCALE * angle)
        return mass * (u1**2 if factor == "square1" else 1.0)

    def integrand(u1):
        modes = math.exp(-0.5 * ((u1 - B) / SIGMA1) ** 2) + math.exp(
            -0.5 * ((u1 + B) / SIGMA1) ** 2
        )
        return modes * over_u2(u1)

    value, _ = integrate.quad(integrand, 0.0, B + 12 * SIGMA1, points=[B], epsabs=1e-12)
    return 2 * value


def normal_mixture_optimum() -> tuple[float, float]:
    """Optimum of the guide `normal_mixture`, its tails beyond the box kept.

    Across the modes the family is exact, which leaves one integral over u2 ~ N(0, sig2_q).

    Returns
    -------
    sig2_q, loss : the scale along the modes, and the loss (nats).
    """
    from scipy import optimize  # slow to import, and not needed to fit

    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    weights = weights / weights.sum()
    across = np.log((2 * HALF_BOX) ** 2) - np.log(2 * SIGMA1 * np.sqrt(2 * np.pi))

    def loss(sig2: float) -> float:
        entropy = 0.5 * np.log(2 * np.pi * np.e) + np.log(sig2)
        return across - entropy + weights @ np.log1p(0.5 * (sig2 * nodes / SIGMA2) ** 2)

    best = optimize.minimize_scalar(loss, bounds=(1.0, 20.0), method="bounded")
    return float(best.x), float(best.fun)


def one_mode_optimum() -> float:
    """Loss (nats) of the best guide `normal`, along one mode: ln 2 above the mixture."""
    return normal_mixture_optimum()[1] + float(np.log(2.0))


def single_normal_optimum(full_rank: bool) -> float:
    """Loss (nats) of the best Normal for the logits of x and y, where the autoguides have it.

    With a full covariance or a diagonal one; by 40 x 40 Gauss-Hermite nodes.
    """
    from scipy import optimize  # slow to import, and not needed to fit

    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    standard = np.array(np.meshgrid(nodes, nodes)).reshape(2, -1)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def loss(free: np.ndarray) -> float:
        loc, log_scale, slope = free[:2], free[2:4], free[4] if full_rank else 0.0
        scale = np.array([[np.exp(log_scale[0]), 0.0], [slope, np.exp(log_scale[1])]])
        logits = loc[:, None] + scale @ standard
        x, y = HALF_BOX * (2 * special.expit(logits) - 1)
        prior = -(np.logaddexp(0, logits) + np.logaddexp(0, -logits)).sum(0)
        entropy = 1 + np.log(2 * np.pi) + log_scale.sum()
        return -entropy - weights @ (log_density(x, y) + prior)

    mode = special.logit(0.5 + 0.5 * B / np.sqrt(2.0) / HALF_BOX)
    starts = [[mode, mode, np.log(width), np.log(0.1), -width] for width in (0.1, 0.3)]
    options = {"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-8}
    optima = [
        optimize.minimize(loss, start, method="Nelder-Mead", options=options) for start in starts
    ]
    return float(min(optimum.fun for optimum in optima))


def kl_of_weight(weight):
    """KL (nats) that a wrong weight of the modes adds: of (weight, 1 - weight) from (1/2, 1/2)."""
    return np.log(2) + weight * np.log(weight) + (1 - weight) * np.log(1 - weight)
