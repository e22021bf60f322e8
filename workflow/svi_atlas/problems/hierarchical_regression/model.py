"""A regression with one line per group: two thousand groups, four thousand dimensions.

Given the five hyperparameters the lines are Gaussian, so that they can be integrated out and the
posterior is known almost exactly at any size.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.hierarchical_regression.marginal import (
    lines_given,
    log_density,
    sums_of_groups,
)
from svi_atlas.references.importance import Moments, sample_about_mode

NUM_POINTS, NUM_DRAWS = 20_000, 1000
"""Weighted points of the reference, and draws resampled from them."""

MAX_GROUPS_AT_ONCE = 2_000_000
"""Groups times points that are evaluated at once, for memory's sake."""

TRUE_MEAN, TRUE_SPREAD, TRUE_NOISE = (1.0, -0.5), (0.5, 0.3), 0.7
"""Hyperparameters of the simulated data."""


def simulate(key, settings):
    """x, y: (group, observation)."""
    rng = np.random.default_rng(np.asarray(key))
    shape = settings["groups"], settings["observations"]
    lines = np.array(TRUE_MEAN) + np.array(TRUE_SPREAD) * rng.standard_normal((shape[0], 2))
    x = rng.standard_normal(shape)
    y = lines[:, :1] + lines[:, 1:] * x + TRUE_NOISE * rng.standard_normal(shape)
    return {"x": x.astype(np.float32), "y": y.astype(np.float32)}


def regression(data):
    """An intercept and a slope for every group, drawn from one population."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    spread = numpyro.sample("spread", dist.HalfNormal(1.0).expand([2]).to_event(1))
    noise = numpyro.sample("noise", dist.HalfNormal(1.0))
    with numpyro.plate("groups", len(data["x"])):
        line = numpyro.sample("line", dist.Normal(mean, spread).to_event(1))
        expected = line[:, :1] + line[:, 1:] * data["x"]
        numpyro.sample("y", dist.Normal(expected, noise).to_event(1), obs=data["y"])


def reference(data, settings):
    """The hyperparameters by importance sampling with the lines integrated out, the lines given them."""
    sums, num_observations = sums_of_groups(data), np.shape(data["x"])[1]
    weighted = sample_about_mode(
        lambda position: log_density(position, jax.tree.map(jnp.asarray, sums), num_observations),
        np.zeros(5),
        NUM_POINTS,
        batch_size=max(1, MAX_GROUPS_AT_ONCE // len(data["x"])),
    )
    rng = np.random.default_rng(1)
    selected = weighted.resample(NUM_DRAWS, rng)
    with jax.enable_x64(True):
        given = jax.jit(lambda position: lines_given(position, sums)[:2])
        centres, covariances = (
            np.stack(arrays) for arrays in zip(*map(given, weighted.points[selected]), strict=True)
        )
    factors = np.linalg.cholesky(covariances)
    noise = rng.standard_normal((*centres.shape, 1))
    lines = centres + (factors @ noise)[..., 0]
    hyper = {
        "mean": weighted.points[:, :2],
        "spread": np.exp(weighted.points[:, 2:4]),
        "noise": np.exp(weighted.points[:, 4]),
    }
    moments = {name: weighted.moments(values) for name, values in hyper.items()}
    moments["line"] = _moments_of_lines(centres, covariances)
    return Reference(
        draws={**{name: values[selected] for name, values in hyper.items()}, "line": lines},
        mean={name: np.asarray(each.mean) for name, each in moments.items()},
        sd={name: np.asarray(each.sd) for name, each in moments.items()},
        mean_se={name: np.asarray(each.mean_se) for name, each in moments.items()},
        sd_se={name: np.asarray(each.sd_se) for name, each in moments.items()},
        log_evidence=weighted.log_evidence,
        method="lines integrated out, hyperparameters by importance sampling "
        f"({NUM_POINTS:,} points)",
        unreliable=weighted.unreliable,
    )


def _moments_of_lines(centres: np.ndarray, covariances: np.ndarray) -> Moments:
    """Moments of the lines from their means and covariances given draws of the hyperparameters.

    Given the hyperparameters the moments are exact; their error is that of the draws (draw, ...).
    """
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    centre = centres.mean(0)
    squares = variances + (centres - centre) ** 2
    sd = np.sqrt(squares.mean(0))
    error, error_of_square = (each.std(0) / np.sqrt(NUM_DRAWS) for each in (centres, squares))
    return Moments(centre, sd, error, error_of_square / (2 * sd))


PROBLEM = Problem(
    name="hierarchical_regression",
    source="a line for each group, drawn from a population of lines, with Gaussian noise",
    simulate=simulate,
    models={"regression": regression},
    guides={},
    reference=reference,
    data_schema={
        "type": "object",
        "properties": {
            "groups": {"type": "integer", "minimum": 2},
            "observations": {"type": "integer", "minimum": 2},
        },
        "required": ["groups", "observations"],
        "additionalProperties": False,
    },
)
