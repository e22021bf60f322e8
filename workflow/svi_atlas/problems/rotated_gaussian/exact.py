"""The exact Gaussians, what a mean-field guide makes of them, and the log-normal. Needs NumPy only.

Covariances are of (x, y) in the model "unconstrained" and of (x, ln s) in "positive". Since the long
axis is at 45 degrees, both coordinates have the same variance.
"""

from __future__ import annotations

import math

import numpy as np

PRINCIPAL_SDS = {"unconstrained": (1.0, 3.0), "positive": (0.2, 0.6)}
"""Standard deviations along the short and the long principal axis, by model."""

ANGLE = math.pi / 4
"""Angle of the long axis (radians)."""

SHAPE = ("var_first", "var_second", "cov", "sd_short", "sd_long", "angle_degrees")
"""The numbers that `shape_of` gives of a covariance."""


def covariance(sd_short: float, sd_long: float) -> np.ndarray:
    """Covariance (2, 2) with these principal standard deviations, the long axis at ANGLE."""
    long_axis = np.array([math.cos(ANGLE), math.sin(ANGLE)])
    short_axis = np.array([-math.sin(ANGLE), math.cos(ANGLE)])
    long_part = sd_long**2 * np.outer(long_axis, long_axis)
    return long_part + sd_short**2 * np.outer(short_axis, short_axis)


COVARIANCE = {model: covariance(*sds) for model, sds in PRINCIPAL_SDS.items()}
"""Exact covariance (2, 2), by model."""


def log_evidence(model: str) -> float:
    """Natural logarithm of the integral of the unnormalised density (nats)."""
    sd_short, sd_long = PRINCIPAL_SDS[model]
    return math.log(2 * math.pi * sd_short * sd_long)


def draw(model: str, num_draws: int, seed: int) -> np.ndarray:
    """Independent exact draws (draw, 2) of (x, y) or of (x, ln s)."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((num_draws, 2)) @ np.linalg.cholesky(COVARIANCE[model]).T


def shape_of(covariance: np.ndarray) -> dict[str, np.ndarray]:
    """Entries, principal standard deviations and angle of the long axis of covariances.

    Parameters
    ----------
    covariance : (..., 2, 2)

    Returns
    -------
    shape : name in SHAPE -> (...); the angle in degrees from the first coordinate, in [0, 180).
    """
    variances, axes = np.linalg.eigh(covariance)
    return {
        "var_first": covariance[..., 0, 0],
        "var_second": covariance[..., 1, 1],
        "cov": covariance[..., 0, 1],
        "sd_short": np.sqrt(variances[..., 0]),
        "sd_long": np.sqrt(variances[..., 1]),
        "angle_degrees": np.degrees(np.arctan2(axes[..., 1, 1], axes[..., 0, 1])) % 180,
    }


def mean_field_optimum(covariance: np.ndarray) -> np.ndarray:
    """Covariance of the closest Gaussian without correlation: it keeps the conditional variances.

    References
    ----------
    Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2.
    """
    return np.diag(1 / np.diag(np.linalg.inv(covariance)))


def mean_field_kl(covariance: np.ndarray) -> float:
    """KL(q||p) of that optimum from the Gaussian with this covariance (nats)."""
    log_determinants = np.linalg.slogdet(np.stack([covariance, mean_field_optimum(covariance)]))[1]
    return float(log_determinants[0] - log_determinants[1]) / 2


def log_normal_moments(mean: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Moments of (s, x) when (ln s, x) is Gaussian.

    Parameters
    ----------
    mean, covariance : (..., 2) and (..., 2, 2), of (ln s, x).

    Returns
    -------
    mean, covariance : (..., 2) and (..., 2, 2), of (s, x).
    """
    mean, covariance = np.asarray(mean, float), np.asarray(covariance, float)
    variance = covariance[..., 0, 0]
    mean_s = np.exp(mean[..., 0] + variance / 2)
    converted = covariance.copy()
    converted[..., 0, 0] = np.expm1(variance) * mean_s**2
    converted[..., 0, 1] = converted[..., 1, 0] = covariance[..., 0, 1] * mean_s
    return np.stack([mean_s, mean[..., 1]], -1), converted
