"""Example of a problem of your own: the mean of a Normal distribution, given one observation.

A problem file defines PROBLEM. Copy this file, replace the model, and name the copy in an experiment
such as `line.yaml` beside it. Only `simulate` and at least one model are required; guides and a
reference are optional.
"""

import numpy as np
import numpyro
import numpyro.distributions as dist
from line_helper import START
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference


def simulate(key, settings):
    """Return the data as arrays by name. `settings` is the key `data` of the experiment.

    If data are simulated, use `key`, a JAX random key, so that every run simulates the same data.
    """
    return {"y": np.asarray(settings["observed"], np.float32)}


def model(data):
    """The NumPyro model. Simulation-based calibration calls it with None to simulate data."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def wide(data):
    """A guide for the model's latent site `mean`. NumPyro's autoguides need no code."""
    loc = numpyro.param("loc", START)
    scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
    numpyro.sample("mean", dist.Normal(loc, scale))


def reference(data, settings):
    """The exact posterior if you know it, here Normal(y / 2, sqrt(1/2)).

    Without this function the reference is computed: by quadrature in up to three dimensions, and by
    long NUTS chains in more.
    """
    mean, sd = float(data["y"]) / 2, np.sqrt(0.5)
    return Reference(
        draws={"mean": mean + sd * np.random.default_rng(0).standard_normal(10_000)},
        mean={"mean": np.asarray(mean)},
        sd={"mean": np.asarray(sd)},
        # In nats: averaged over the prior, the observation is Normal(0, sqrt(2)).
        log_evidence=-0.5 * np.log(4 * np.pi) - float(data["y"]) ** 2 / 4,
        method="exact: a Normal distribution",
    )


PROBLEM = Problem(
    name="line",
    source="an example of a user's own problem",
    simulate=simulate,
    models={"line": model},
    guides={"wide": wide},
    reference=reference,
    # Optional: with a JSON Schema, mistakes in the key `data` are reported before any job starts.
    data_schema={
        "type": "object",
        "properties": {"observed": {"type": "number"}},
        "required": ["observed"],
        "additionalProperties": False,
    },
)
