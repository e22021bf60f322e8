"""A correlated Gaussian: how well autoguides recover its covariance, and in which space."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.rotated_gaussian import exact
from svi_atlas.problems.rotated_gaussian.exact import ANGLE, PRINCIPAL_SDS

NUM_DRAWS = 10_000
"""Draws of the references."""


def simulate(key, settings):
    """No data: the density is given."""
    return {}


def _log_gaussian(x, y, sd_short, sd_long):
    """Unnormalised log density: sd_long along the axis at ANGLE, sd_short across."""
    along = math.cos(ANGLE) * x + math.sin(ANGLE) * y
    across = math.cos(ANGLE) * y - math.sin(ANGLE) * x
    return -0.5 * (across / sd_short) ** 2 - 0.5 * (along / sd_long) ** 2


def unconstrained(data):
    """x and y flat on the real line, the density as a factor."""
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    y = numpyro.sample("y", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.factor("density", _log_gaussian(x, y, *PRINCIPAL_SDS["unconstrained"]))


def positive(data):
    """(x, ln s) is a correlated Gaussian: the guide works with ln s, the reader wants s."""
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    s = numpyro.sample("s", dist.ImproperUniform(constraints.positive, (), ()))
    log_s = jnp.log(s)
    log_density = _log_gaussian(x, log_s, *PRINCIPAL_SDS["positive"])
    numpyro.factor("density", log_density - log_s)


def unconstrained_reference(data, settings):
    """Reference of the model `unconstrained`: the Gaussian itself."""
    x, y = exact.draw("unconstrained", NUM_DRAWS, seed=0).T
    variance = np.diag(exact.COVARIANCE["unconstrained"])
    return Reference(
        draws={"x": x, "y": y},
        mean={"x": np.asarray(0.0), "y": np.asarray(0.0)},
        sd={"x": np.sqrt(variance[0]), "y": np.sqrt(variance[1])},
        log_evidence=exact.log_evidence("unconstrained"),
        method="exact: Gaussian with covariance [[5, 4], [4, 5]]",
    )


def positive_reference(data, settings):
    """Reference of the model `positive`: Gaussian in (x, ln s), so that s is log-normal."""
    x, log_s = exact.draw("positive", NUM_DRAWS, seed=0).T
    variance = np.diag(exact.COVARIANCE["positive"])
    mean = math.exp(variance[1] / 2)
    return Reference(
        draws={"x": x, "s": np.exp(log_s)},
        mean={"x": np.asarray(0.0), "s": np.asarray(mean)},
        sd={"x": np.sqrt(variance[0]), "s": mean * np.sqrt(np.expm1(variance[1]))},
        log_evidence=exact.log_evidence("positive"),
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
    reference={"unconstrained": unconstrained_reference, "positive": positive_reference},
    data_schema={"type": "object", "additionalProperties": False},
    derived=derived,
)
