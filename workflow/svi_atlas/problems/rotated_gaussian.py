"""A correlated Gaussian: what autoguides recover of its covariance, and in which space."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.records import Problem, Reference

SD1, SD2 = 1.0, 3.0
"""Standard deviations along the principal axes."""

SCALE_SD1, SCALE_SD2 = 0.2, 0.6
"""The same for (x, ln s) in the constrained variant, where s is positive."""

ANGLE = math.pi / 4
"""Angle of the long axis (radians)."""

DRAWS = 10_000


def simulate(key, settings):
    """No data: the density is given."""
    return {}


def _log_gaussian(x, y, sd1, sd2):
    """Unnormalised log density: sd2 along the axis at ANGLE, sd1 across."""
    along = math.cos(ANGLE) * x + math.sin(ANGLE) * y
    across = math.cos(ANGLE) * y - math.sin(ANGLE) * x
    return -0.5 * (across / sd1) ** 2 - 0.5 * (along / sd2) ** 2


def unconstrained(data):
    """x and y flat over the real line, the density as a factor."""
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    y = numpyro.sample("y", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.factor("density", _log_gaussian(x, y, SD1, SD2))


def positive(data):
    """(x, ln s) correlated Gaussian with s > 0: the guide works with ln s, the reader wants s."""
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    s = numpyro.sample("s", dist.ImproperUniform(constraints.positive, (), ()))
    log_s = jnp.log(s)
    numpyro.factor("density", _log_gaussian(x, log_s, SCALE_SD1, SCALE_SD2) - log_s)


def covariance(sd1: float, sd2: float) -> np.ndarray:
    """Covariance (2, 2) of the Gaussian."""
    long = np.array([math.cos(ANGLE), math.sin(ANGLE)])
    short = np.array([-math.sin(ANGLE), math.cos(ANGLE)])
    return sd2**2 * np.outer(long, long) + sd1**2 * np.outer(short, short)


def _draws(sd1: float, sd2: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((DRAWS, 2)) @ np.linalg.cholesky(covariance(sd1, sd2)).T


def reference(data, settings):
    """The Gaussian itself."""
    x, y = _draws(SD1, SD2).T
    variance = np.diag(covariance(SD1, SD2))
    return Reference(
        draws={"x": x, "y": y},
        mean={"x": np.asarray(0.0), "y": np.asarray(0.0)},
        sd={"x": np.sqrt(variance[0]), "y": np.sqrt(variance[1])},
        log_evidence=math.log(2 * math.pi * SD1 * SD2),
        method="exact: Gaussian with covariance [[5, 4], [4, 5]]",
    )


def positive_reference(data, settings):
    """Gaussian in (x, ln s): s is log-normal."""
    x, log_s = _draws(SCALE_SD1, SCALE_SD2).T
    variance = np.diag(covariance(SCALE_SD1, SCALE_SD2))
    mean = math.exp(variance[1] / 2)
    return Reference(
        draws={"x": x, "s": np.exp(log_s)},
        mean={"x": np.asarray(0.0), "s": np.asarray(mean)},
        sd={"x": np.sqrt(variance[0]), "s": mean * np.sqrt(np.expm1(variance[1]))},
        log_evidence=math.log(2 * math.pi * SCALE_SD1 * SCALE_SD2),
        method="exact: Gaussian in (x, ln s), so that s is log-normal",
    )


def derived(params):
    """Covariance, principal sds and angle (degrees) of the guide in the unconstrained space.

    For the full-rank guide L = auto_scale_tril and the covariance is L L^T; its first coordinate is
    the site that comes first in the alphabet. Mean-field guides have a diagonal covariance.
    """
    if "auto_scale_tril" in params:
        scale = params["auto_scale_tril"]
        matrix = scale @ scale.T
    elif "auto_cov_factor" in params:
        scale = params["auto_scale"]
        factor = params["auto_cov_factor"] * scale[:, None]
        matrix = factor @ factor.T + jnp.diag(scale**2)
    elif "auto_scale" in params:
        matrix = jnp.diag(params["auto_scale"] ** 2)
    elif "x_auto_scale" in params:
        other = params["y_auto_scale"] if "y_auto_scale" in params else params["s_auto_scale"]
        matrix = jnp.diag(jnp.stack([params["x_auto_scale"], other]) ** 2)
    else:
        return {}
    variances, axes = jnp.linalg.eigh(matrix)
    angle = jnp.degrees(jnp.arctan2(axes[1, 1], axes[0, 1])) % 180.0
    return {
        "var_first": matrix[0, 0],
        "var_second": matrix[1, 1],
        "cov": matrix[0, 1],
        "sd_short": jnp.sqrt(variances[0]),
        "sd_long": jnp.sqrt(variances[1]),
        "angle_degrees": angle,
    }


PROBLEM = Problem(
    name="rotated_gaussian",
    source="a Gaussian with principal sds 1 and 3, turned by 45 degrees",
    simulate=simulate,
    models={"unconstrained": unconstrained, "positive": positive},
    guides={},
    reference={"unconstrained": reference, "positive": positive_reference},
    data_schema={"type": "object", "additionalProperties": False},
    derived=derived,
)
