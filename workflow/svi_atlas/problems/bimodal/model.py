"""Two modes and a heavy tail in a box: a posterior that most guide families cannot represent."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.base import Mode, Problem, Reference
from svi_atlas.problems.bimodal import exact
from svi_atlas.problems.bimodal.exact import HALF_BOX, SIGMA1, SIGMA2, B

NUM_DRAWS = 10_000
"""Draws of the reference."""


def simulate(key, settings):
    """No data: the density is given."""
    return {}


def log_density(x, y):
    """Unnormalised log density (nats), with a stable log of the sum over the two modes."""
    u1, u2 = (x + y) / math.sqrt(2.0), (x - y) / math.sqrt(2.0)
    modes = jnp.logaddexp(-0.5 * ((u1 - B) / SIGMA1) ** 2, -0.5 * ((u1 + B) / SIGMA1) ** 2)
    return modes - jnp.log1p(0.5 * (u2 / SIGMA2) ** 2)


def log_density_naive(x, y):
    """The same, written as a plain log of a sum: far from the modes it is the log of 0."""
    u1, u2 = (x + y) / math.sqrt(2.0), (x - y) / math.sqrt(2.0)
    modes = jnp.log(
        jnp.exp(-0.5 * ((u1 - B) / SIGMA1) ** 2) + jnp.exp(-0.5 * ((u1 + B) / SIGMA1) ** 2)
    )
    return modes - jnp.log(1.0 + 0.5 * (u2 / SIGMA2) ** 2)


def _in_the_box(log_target):
    def model(data):
        x = numpyro.sample("x", dist.Uniform(-HALF_BOX, HALF_BOX))
        y = numpyro.sample("y", dist.Uniform(-HALF_BOX, HALF_BOX))
        numpyro.factor("density", log_target(x, y))

    return model


def _scales():
    sig1 = numpyro.param("sig1_q", exact.SCALE_START, constraint=constraints.positive)
    sig2 = numpyro.param("sig2_q", exact.SCALE_START, constraint=constraints.positive)
    b = numpyro.param("b", exact.SCALE_START, constraint=constraints.positive)
    return sig1, sig2, b


def _scales_and_angle():
    quarter_turn = constraints.interval(-math.pi / 2, math.pi / 2)
    theta = numpyro.param("theta", exact.ANGLE_START, constraint=quarter_turn)
    return *_scales(), theta


def _auxiliary(name, distribution):
    return numpyro.sample(name, distribution, infer={"is_auxiliary": True})


def _two_modes(sig1, b, weight=0.5):
    """u1 ~ weight N(b, sig1) + (1 - weight) N(-b, sig1)."""
    mixing = dist.Categorical(probs=jnp.stack([jnp.asarray(weight), 1.0 - jnp.asarray(weight)]))
    return dist.MixtureGeneral(mixing, [dist.Normal(b, sig1), dist.Normal(-b, sig1)])


def _rotated(theta, u1, u2):
    """x, y as Delta sites: (u1, u2) turned by theta, which keeps areas."""
    numpyro.sample("x", dist.Delta(jnp.cos(theta) * u1 - jnp.sin(theta) * u2))
    numpyro.sample("y", dist.Delta(jnp.cos(theta) * u2 + jnp.sin(theta) * u1))


def normal(data):
    """One Normal in u1 and one in u2: it can cover only one of the two modes."""
    sig1, sig2, b, theta = _scales_and_angle()
    u1 = _auxiliary("u1", dist.Normal(b, sig1))
    u2 = _auxiliary("u2", dist.Normal(0.0, sig2))
    _rotated(theta, u1, u2)


def normal_mixture(data):
    """Two Normal modes in u1, one Normal in u2."""
    sig1, sig2, b, theta = _scales_and_angle()
    u1 = _auxiliary("u1", _two_modes(sig1, b))
    u2 = _auxiliary("u2", dist.Normal(0.0, sig2))
    _rotated(theta, u1, u2)


def weighted_normal_mixture(data):
    """Two Normal modes in u1 with a fitted weight, one Normal in u2."""
    sig1, sig2, b, theta = _scales_and_angle()
    weight = numpyro.param("weight", exact.WEIGHT_START, constraint=constraints.unit_interval)
    u1 = _auxiliary("u1", _two_modes(sig1, b, weight))
    u2 = _auxiliary("u2", dist.Normal(0.0, sig2))
    _rotated(theta, u1, u2)


def cauchy_mixture(data):
    """Two Normal modes in u1 and a Cauchy in u2, as the thread suggests.

    It leaves the box, and unless theta is exactly right its tail lies along a direction in which the
    density falls like a Gaussian.
    """
    sig1, sig2, b, theta = _scales_and_angle()
    u1 = _auxiliary("u1", _two_modes(sig1, b))
    u2 = _auxiliary("u2", dist.Cauchy(0.0, sig2))
    _rotated(theta, u1, u2)


def cauchy_mixture_fixed_angle(data):
    """The Cauchy guide with theta fixed at 45 degrees: only the tail still leaves the box."""
    sig1, sig2, b = _scales()
    u1 = _auxiliary("u1", _two_modes(sig1, b))
    u2 = _auxiliary("u2", dist.Cauchy(0.0, sig2))
    _rotated(exact.ANGLE, u1, u2)


def truncated_cauchy_mixture(data):
    """A Cauchy in u2, cut to where x and y stay in the box for the current theta and u1."""
    sig1, sig2, b, theta = _scales_and_angle()
    u1 = _auxiliary("u1", _two_modes(sig1, b))
    low, high = _bounds_of_u2(theta, u1)
    # Not validated: a draw at the bound may be rounded to just outside, and is as good as inside.
    cut = dist.TruncatedCauchy(0.0, sig2, low=low, high=high, validate_args=False)
    u2 = _auxiliary("u2", cut)
    _rotated(theta, u1, u2)


def _bounds_of_u2(theta, u1):
    """Bounds of u2 such that |cos u1 - sin u2| and |cos u2 + sin u1| stay within the box."""
    sin, cos = jnp.sin(theta), jnp.cos(theta)
    edge = HALF_BOX * (1 - 1e-5)
    tiny = 1e-4
    slope = jnp.where(jnp.abs(sin) < tiny, tiny, sin)
    from_x = (cos * u1 - edge) / slope, (cos * u1 + edge) / slope
    from_y = (-edge - sin * u1) / cos, (edge - sin * u1) / cos
    low = jnp.maximum(jnp.minimum(*from_x), from_y[0])
    high = jnp.minimum(jnp.maximum(*from_x), from_y[1])
    return low, high


def reference(data, settings):
    """Exact: independent draws by rejection, moments and evidence by quadrature over u1."""
    x, y = exact.draw(NUM_DRAWS, seed=0)
    sd = np.asarray(exact.standard_deviation())
    centre = B / math.sqrt(2.0)
    return Reference(
        draws={"x": x, "y": y},
        mean={"x": np.asarray(0.0), "y": np.asarray(0.0)},
        sd={"x": sd, "y": sd},
        log_evidence=exact.log_evidence(),
        method="exact: draws by rejection, evidence and sds by quadrature",
        modes=(
            Mode({"x": centre, "y": centre}, 0.5),
            Mode({"x": -centre, "y": -centre}, 0.5),
        ),
    )


def derived(params):
    """Angle of the long axis in degrees."""
    return {"theta_degrees": jnp.degrees(params["theta"])} if "theta" in params else {}


PROBLEM = Problem(
    name="bimodal",
    source="two Gaussian modes across, a Cauchy along, turned by 45 degrees, in a box",
    simulate=simulate,
    models={"stable": _in_the_box(log_density), "naive": _in_the_box(log_density_naive)},
    guides={
        "normal": normal,
        "normal_mixture": normal_mixture,
        "weighted_normal_mixture": weighted_normal_mixture,
        "cauchy_mixture": cauchy_mixture,
        "cauchy_mixture_fixed_angle": cauchy_mixture_fixed_angle,
        "truncated_cauchy_mixture": truncated_cauchy_mixture,
    },
    reference=reference,
    data_schema={"type": "object", "additionalProperties": False},
    derived=derived,
)
