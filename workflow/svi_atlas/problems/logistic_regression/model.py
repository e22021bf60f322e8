"""Logistic regression with a million rows, a thousand of them looked at in a step."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.records import Problem, Reference
from svi_atlas.references.importance import sample_about_mode

BATCH = 1000
"""Rows of a minibatch."""

POINTS, DRAWS = 4000, 2000

CORRELATION = 0.5
"""Between neighbouring columns."""


def simulate(key, settings):
    """x: (row, column), standardised and correlated; y: (row,), 0 or 1."""
    rng = np.random.default_rng(np.asarray(key))
    rows, columns = settings["rows"], settings["columns"]
    x = rng.standard_normal((rows, columns))
    for column in range(1, columns):
        own = np.sqrt(1 - CORRELATION**2) * x[:, column]
        x[:, column] = CORRELATION * x[:, column - 1] + own
    weights = np.linspace(1.0, -1.0, columns)
    y = rng.random(rows) < 1 / (1 + np.exp(-x @ weights))
    return {"x": x.astype(np.float32), "y": y.astype(np.int32)}


def minibatches(data):
    """Every step draws its rows anew, and scales their likelihood to that of all."""
    rows, columns = data["x"].shape
    weights = numpyro.sample("weights", dist.Normal(0.0, 1.0).expand([columns]).to_event(1))
    with numpyro.plate("rows", rows, subsample_size=min(BATCH, rows)) as batch:
        logits = data["x"][batch] @ weights
        numpyro.sample("y", dist.Bernoulli(logits=logits), obs=data["y"][batch])


def reference(data, settings):
    """All rows, by importance sampling about the mode."""
    x, y = np.asarray(data["x"], float), np.asarray(data["y"], float)

    def log_density(weights):
        logits = jnp.asarray(x) @ weights
        log_likelihood = (y * logits - jnp.logaddexp(0.0, logits)).sum()
        return log_likelihood + dist.Normal(0.0, 1.0).log_prob(weights).sum()

    batch_size = max(1, 20_000_000 // len(x))
    found = sample_about_mode(log_density, np.zeros(x.shape[1]), POINTS, batch_size)
    mean, sd, mean_se, sd_se = found.moments(found.points)
    chosen = found.resample(DRAWS, np.random.default_rng(1))
    return Reference(
        draws={"weights": found.points[chosen]},
        mean={"weights": mean},
        sd={"weights": sd},
        mean_se={"weights": mean_se},
        sd_se={"weights": sd_se},
        log_evidence=found.log_evidence,
        method=f"all rows, importance sampling about the mode ({POINTS:,} points)",
        unreliable=found.unreliable,
    )


PROBLEM = Problem(
    name="logistic_regression",
    source="logistic regression on correlated columns, minibatches by numpyro.plate",
    simulate=simulate,
    models={"minibatches": minibatches},
    guides={},
    reference=reference,
    data_schema={
        "type": "object",
        "properties": {
            "rows": {"type": "integer", "minimum": 100},
            "columns": {"type": "integer", "minimum": 2},
        },
        "required": ["rows", "columns"],
        "additionalProperties": False,
    },
)
