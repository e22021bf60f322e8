"""A regression with a line for every group: two thousand groups, four thousand dimensions.

Given the five hyperparameters the lines are Gaussian, so that they can be integrated out and the
posterior is known almost exactly at any size.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas.records import Problem, Reference
from svi_atlas.references.importance import sample_about_mode

POINTS, DRAWS = 20_000, 1000

TRUE_MEAN, TRUE_SPREAD, TRUE_NOISE = (1.0, -0.5), (0.5, 0.3), 0.7


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


def _sums(data) -> tuple[np.ndarray, ...]:
    """Of each group: X'X (group, 2, 2), X'y (group, 2) and y'y (group,), with X = (1, x)."""
    x, y = (np.asarray(data[name], float) for name in ("x", "y"))
    design = np.stack([np.ones_like(x), x], -1)
    return (
        np.einsum("gni,gnj->gij", design, design),
        np.einsum("gni,gn->gi", design, y),
        (y**2).sum(1),
    )


def _lines(position, sums):
    """Of the lines given the hyperparameters: mean and covariance, and what the density needs.

    position: (5,), the means, and the logarithms of the spreads and of the noise.
    """
    squares, products, _ = sums
    mean, spread, noise = position[:2], jnp.exp(position[2:4]), jnp.exp(position[4])
    precision = squares / noise**2 + jnp.diag(spread**-2)
    residual = products - squares @ mean
    covariance = jnp.linalg.inv(precision)
    shift = (covariance @ residual[..., None])[..., 0] / noise**2
    return mean + shift, covariance, precision, residual, shift


def _log_density(position, sums, count):
    """ln of prior, marginal likelihood and Jacobian of the logarithms; count: observations a group."""
    squares, products, total = sums
    mean, scales = position[:2], position[2:]
    _, _, precision, residual, shift = _lines(position, sums)
    noise = jnp.exp(position[4])
    squared = total - 2 * products @ mean + jnp.einsum("i,gij,j->g", mean, squares, mean)
    log_likelihood = (
        -0.5 * count * jnp.log(2 * jnp.pi)
        - count * scales[2]
        - scales[:2].sum()
        - 0.5 * jnp.linalg.slogdet(precision)[1]
        - 0.5 * (squared / noise**2 - (residual * shift).sum(-1) / noise**2)
    )
    log_prior = dist.Normal(0.0, 1.0).log_prob(mean).sum()
    log_prior += (dist.HalfNormal(1.0).log_prob(jnp.exp(scales)) + scales).sum()
    return log_likelihood.sum() + log_prior


def reference(data, settings):
    """The hyperparameters by importance sampling with the lines integrated out, the lines given them."""
    sums, count = _sums(data), np.shape(data["x"])[1]
    found = sample_about_mode(
        lambda position: _log_density(position, jax.tree.map(jnp.asarray, sums), count),
        np.zeros(5),
        POINTS,
        batch_size=max(1, 2_000_000 // len(data["x"])),
    )
    rng = np.random.default_rng(1)
    chosen = found.resample(DRAWS, rng)
    points = found.points[chosen]
    with jax.enable_x64(True):
        given = jax.jit(lambda position: _lines(position, sums)[:2])
        centres, covariances = (
            np.stack(arrays) for arrays in zip(*map(given, points), strict=True)
        )
    factors = np.linalg.cholesky(covariances)
    noise = rng.standard_normal((*centres.shape, 1))
    lines = centres + (factors @ noise)[..., 0]
    variances = np.diagonal(covariances, axis1=-2, axis2=-1)
    hyper = {
        "mean": found.points[:, :2],
        "spread": np.exp(found.points[:, 2:4]),
        "noise": np.exp(found.points[:, 4]),
    }
    moments = {name: found.moments(values) for name, values in hyper.items()}
    # Given the hyperparameters the lines' moments are exact; their error is that of 1,000 of these.
    centre = centres.mean(0)
    squares = variances + (centres - centre) ** 2
    sd = np.sqrt(squares.mean(0))
    error, error_of_square = (each.std(0) / np.sqrt(DRAWS) for each in (centres, squares))
    moments["line"] = centre, sd, error, error_of_square / (2 * sd)
    mean, deviation, mean_se, sd_se = (
        {name: np.asarray(values[part]) for name, values in moments.items()} for part in range(4)
    )
    return Reference(
        draws={**{name: values[chosen] for name, values in hyper.items()}, "line": lines},
        mean=mean,
        sd=deviation,
        mean_se=mean_se,
        sd_se=sd_se,
        log_evidence=found.log_evidence,
        method=f"lines integrated out, hyperparameters by importance sampling ({POINTS:,} points)",
        unreliable=found.unreliable,
    )


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
