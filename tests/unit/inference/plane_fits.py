"""A small problem and its fits, for several tests."""

from functools import cache

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.inference.fit import fit_cell


def plane(data):
    """Two correlated coordinates with one observation of each: smooth, unconstrained, 2-d."""
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    y = numpyro.sample("y", dist.Normal(0.8 * x, 0.6))
    numpyro.sample("obs", dist.Normal(jnp.stack([x, y]), 1.0).to_event(1), obs=data["obs"])


PLANE_DATA = {"obs": np.array([0.5, -1.0], np.float32)}


def plane_normal(data):
    loc = numpyro.param("loc", jnp.zeros(2))
    scale = numpyro.param("scale", jnp.ones(2), constraint=constraints.positive)
    numpyro.sample("x", dist.Normal(loc[0], scale[0]))
    numpyro.sample("y", dist.Normal(loc[1], scale[1]))


def plane_fit(**changes):
    settings = {
        "num_particles": 1,
        "step_sizes": (0.003, 0.03),
        "seeds": (1, 2),
        "num_steps": 400,
        "num_snapshots": 40,
    }
    return fit_cell(plane, lambda: plane_normal, PLANE_DATA, **{**settings, **changes})


@cache
def default_fit():
    """A fit with the default settings, and its progress lines."""
    lines = []
    return plane_fit(report=lines.append), lines
