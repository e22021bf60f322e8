"""A small model with a covariate, and random keys, for several tests."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.inference.keys import purpose_key


def keys(count, purpose="test"):
    return jnp.stack([purpose_key(seed, purpose) for seed in range(count)])


def line(data):
    """A slope and two intercepts, with a covariate."""
    slope = numpyro.sample("slope", dist.Normal(0.0, 1.0))
    with numpyro.plate("groups", 2):
        start = numpyro.sample("start", dist.Normal(0.0, 2.0))
    mean = start[:, None] + slope * data["x"]
    numpyro.sample("y", dist.Normal(mean, 1.0).to_event(2), obs=data["y"])


LINE_DATA = {"x": np.arange(3, dtype=np.float32), "y": np.zeros((2, 3), np.float32)}
