"""Example of a problem of your own: the mean of a Normal, known from a single observation.

A problem file defines PROBLEM. Copy this file, replace the model, and name it in an experiment such
as `line.yaml` beside it. Only `simulate` and at least one model are needed; guides and a reference
are optional.
"""

import numpy as np
import numpyro
import numpyro.distributions as dist
from line_helper import START
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference


def simulate(key, settings):
    """The data, as arrays by name. `settings` is the entry `data` of the experiment.

    Data that are drawn at random use `key`, a key of JAX, so that every run draws the same.
    """
    return {"y": np.asarray(settings["observed"], np.float32)}


def model(data):
    """A NumPyro model. It is called without data to draw mock data for calibration."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def wide(data):
    """A guide of your own, for the model's latent site `mean`. Autoguides need no code."""
    loc = numpyro.param("loc", START)
    scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
    numpyro.sample("mean", dist.Normal(loc, scale))


def reference(data, settings):
    """The exact posterior, where you know it: here Normal(y / 2, sqrt(1/2)).

    Without this function the reference is computed: by quadrature in up to three dimensions, by long
    NUTS beyond.
    """
    mean, sd = float(data["y"]) / 2, np.sqrt(0.5)
    return Reference(
        draws={"mean": mean + sd * np.random.default_rng(0).standard_normal(10_000)},
        mean={"mean": np.asarray(mean)},
        sd={"mean": np.asarray(sd)},
        # The observation is Normal(0, sqrt(2)) before the mean is known; in nats.
        log_evidence=-0.5 * np.log(4 * np.pi) - float(data["y"]) ** 2 / 4,
        method="exact: a Normal",
    )


PROBLEM = Problem(
    name="line",
    source="an example of a problem of one's own",
    simulate=simulate,
    models={"line": model},
    guides={"wide": wide},
    reference=reference,
    # Optional: mistakes in the experiment's `data` are then reported before any job starts.
    data_schema={
        "type": "object",
        "properties": {"observed": {"type": "number"}},
        "required": ["observed"],
        "additionalProperties": False,
    },
)
