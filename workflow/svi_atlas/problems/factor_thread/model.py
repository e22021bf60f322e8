"""What `numpyro.factor` means inside a guide: the reported loss is then no negative ELBO."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.factor_thread import exact
from svi_atlas.problems.factor_thread.exact import HALF_BOX, SIGMA1, SIGMA2

NUM_DRAWS = 10_000
"""Draws of the references."""


def simulate(key, settings):
    """No data: the target is given."""
    return {}


def _uniform_with_factor(sig1, sig2):
    x = numpyro.sample("x", dist.Uniform(-HALF_BOX, HALF_BOX))
    y = numpyro.sample("y", dist.Uniform(-HALF_BOX, HALF_BOX))
    numpyro.factor("density", -0.5 * ((x / sig1) ** 2 + (y / sig2) ** 2) - jnp.log(sig1 * sig2))


def factor_model(data):
    """Uniform draws in a box, the Gaussian as a factor."""
    _uniform_with_factor(SIGMA1, SIGMA2)


def sample_model(data):
    """The Gaussian as sample statements."""
    numpyro.sample("x", dist.Normal(0.0, SIGMA1))
    numpyro.sample("y", dist.Normal(0.0, SIGMA2))


def _scales(guide):
    start = exact.SCALE_START[guide]
    sig1 = numpyro.param("sig1_q", start, constraint=constraints.positive)
    sig2 = numpyro.param("sig2_q", start, constraint=constraints.positive)
    return sig1, sig2


def factor_guide(data):
    """Uniform draws with a factor: the parameters change the loss but not the draws."""
    _uniform_with_factor(*_scales("factor"))


def sample_guide(data):
    """Normal draws with the fitted scales."""
    sig1, sig2 = _scales("sample")
    numpyro.sample("x", dist.Normal(0.0, sig1))
    numpyro.sample("y", dist.Normal(0.0, sig2))


def deterministic_guide(data):
    """x and y as deterministic functions of auxiliary draws; NumPyro refuses it."""
    sig1, sig2 = _scales("deterministic")
    auxiliary = {"is_auxiliary": True}
    u1 = numpyro.sample("u1", dist.Normal(0.0, sig1), infer=auxiliary)
    u2 = numpyro.sample("u2", dist.Normal(0.0, sig2), infer=auxiliary)
    numpyro.deterministic("x", u1)
    numpyro.deterministic("y", u2)


def improper_guide(data):
    """x and y with an improper flat density and a factor: it cannot be drawn from."""
    sig1, sig2 = _scales("improper")
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    y = numpyro.sample("y", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.factor("density", -0.5 * ((x / sig1) ** 2 + (y / sig2) ** 2) - jnp.log(sig1 * sig2))


def sample_reference(data, settings):
    """Reference of the model `sample`: the two Gaussians; the model is normalised."""
    rng = np.random.default_rng(0)
    return Reference(
        draws={
            "x": SIGMA1 * rng.standard_normal(NUM_DRAWS),
            "y": SIGMA2 * rng.standard_normal(NUM_DRAWS),
        },
        mean={"x": np.asarray(0.0), "y": np.asarray(0.0)},
        sd={"x": np.asarray(SIGMA1), "y": np.asarray(SIGMA2)},
        log_evidence=exact.log_evidence("sample"),
        method="exact: independent Gaussians",
    )


def factor_reference(data, settings):
    """Reference of the model `factor`: the Gaussians cut to the box; the Uniform stays in the evidence."""
    from scipy import stats  # slow to import, and not needed to fit

    gaussians = [stats.truncnorm(-HALF_BOX / s, HALF_BOX / s, scale=s) for s in (SIGMA1, SIGMA2)]
    rng = np.random.default_rng(0)
    x, y = (gaussian.rvs(NUM_DRAWS, random_state=rng) for gaussian in gaussians)
    return Reference(
        draws={"x": x, "y": y},
        mean={"x": np.asarray(0.0), "y": np.asarray(0.0)},
        sd={"x": np.asarray(gaussians[0].std()), "y": np.asarray(gaussians[1].std())},
        log_evidence=exact.log_evidence("factor"),
        method="exact: independent Gaussians cut to the box",
    )


PROBLEM = Problem(
    name="factor_thread",
    source="a forum thread on numpyro.factor inside a guide",
    simulate=simulate,
    models={"factor": factor_model, "sample": sample_model},
    guides={
        "factor": factor_guide,
        "sample": sample_guide,
        "deterministic": deterministic_guide,
        "improper": improper_guide,
    },
    reference={"factor": factor_reference, "sample": sample_reference},
    data_schema={"type": "object", "additionalProperties": False},
)
