"""A model that looks at minibatches, for several tests."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer.autoguide import AutoNormal

ROWS, BATCH = 60, 7
DATA = {"y": np.random.default_rng(0).normal(1.0, 1.0, ROWS).astype(np.float32)}


def minibatches(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", ROWS, subsample_size=BATCH) as batch:
        numpyro.sample("y", dist.Normal(mean, 1.0), obs=jnp.asarray(data["y"])[batch])


def make_guide():
    return AutoNormal(minibatches)
