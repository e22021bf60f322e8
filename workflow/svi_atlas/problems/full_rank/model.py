"""A Gaussian with many correlated dimensions: a full-rank guide needs half a million parameters."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.full_rank import exact
from svi_atlas.problems.full_rank.exact import CORRELATION

NUM_DRAWS = 2000
"""Draws of the reference."""


def simulate(key, settings):
    """scale: (dimension,), the standard deviations."""
    return {"scale": exact.standard_deviations(settings["dimensions"]).astype(np.float32)}


def chain(data):
    """An autoregressive chain of first order, in its closed form."""
    (dimensions,) = data["scale"].shape
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real_vector, (), (dimensions,)))
    standard = x / data["scale"]
    innovation = standard[1:] - CORRELATION * standard[:-1]
    log_density = dist.Normal(0.0, 1.0).log_prob(standard[0])
    log_density += dist.Normal(0.0, math.sqrt(1 - CORRELATION**2)).log_prob(innovation).sum()
    numpyro.factor("density", log_density - jnp.log(data["scale"]).sum())


def reference(data, settings):
    """The chain itself."""
    scale = np.asarray(data["scale"], float)
    return Reference(
        draws={"x": exact.draw(scale, NUM_DRAWS, seed=0)},
        mean={"x": np.zeros_like(scale)},
        sd={"x": scale},
        log_evidence=0.0,
        method=f"exact: an autoregressive Gaussian chain, correlation {CORRELATION}",
    )


PROBLEM = Problem(
    name="full_rank",
    source="an autoregressive Gaussian chain",
    simulate=simulate,
    models={"chain": chain},
    guides={},
    reference=reference,
    data_schema={
        "type": "object",
        "properties": {"dimensions": {"type": "integer", "minimum": 2}},
        "required": ["dimensions"],
        "additionalProperties": False,
    },
)
