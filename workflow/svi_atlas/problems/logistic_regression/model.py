"""Logistic regression with a million rows, of which every step looks at a thousand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.references.importance import sample_about_mode

BATCH = 1000
"""Rows of a minibatch."""

NUM_POINTS, NUM_DRAWS = 4000, 2000
"""Weighted points of the reference, and draws resampled from them."""

MAX_ROWS_AT_ONCE = 20_000_000
"""Rows times points that are evaluated at once, for memory's sake."""

CORRELATION = 0.5
"""Between neighbouring columns."""


def simulate(key, settings):
    """x: (row, column), standardised and correlated; y: (row,), 0 or 1."""
    rng = np.random.default_rng(np.asarray(key))
    rows, columns = settings["rows"], settings["columns"]
    x = rng.standard_normal((rows, columns))
    for column in range(1, columns):
        innovation = np.sqrt(1 - CORRELATION**2) * x[:, column]
        x[:, column] = CORRELATION * x[:, column - 1] + innovation
    weights = np.linspace(1.0, -1.0, columns)
    y = rng.random(rows) < 1 / (1 + np.exp(-x @ weights))
    return {"x": x.astype(np.float32), "y": y.astype(np.int32)}


def minibatches(data):
    """Logistic regression whose every step draws rows anew and scales up their likelihood."""
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

    batch_size = max(1, MAX_ROWS_AT_ONCE // len(x))
    weighted = sample_about_mode(log_density, np.zeros(x.shape[1]), NUM_POINTS, batch_size)
    moments = weighted.moments(weighted.points)
    selected = weighted.resample(NUM_DRAWS, np.random.default_rng(1))
    return Reference(
        draws={"weights": weighted.points[selected]},
        mean={"weights": moments.mean},
        sd={"weights": moments.sd},
        mean_se={"weights": moments.mean_se},
        sd_se={"weights": moments.sd_se},
        log_evidence=weighted.log_evidence,
        method=f"all rows, importance sampling about the mode ({NUM_POINTS:,} points)",
        unreliable=weighted.unreliable,
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
