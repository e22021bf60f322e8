"""Densities whose moments are known exactly, in 1 to 100 dimensions, to measure how often a verdict is wrong.

Each is normalised up to the same evidence and comes with independent draws. Which of them a study uses is
fixed in a list in `config/studies` before its first run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import gammaln, log_ndtr
from numpyro.distributions import constraints
from scipy.special import polygamma

from svi_atlas.problems.base import Mode, Problem, Reference

NUM_DRAWS = 20_000
"""Draws of the references."""

LOG_EVIDENCE = -20.0
"""Nats, of every density: about what 14 observations with unit variance bring. Rules that compare
changes of the loss with its size would fail for a loss near zero."""

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Target:
    """A density with known moments.

    Attributes
    ----------
    model : its sample statements.
    sample : (random generator, number of draws) -> independent draws by site, (draw, *site).
    mean, sd : exact, by site.
    modes : where there are several.
    """

    model: Callable[[], None]
    sample: Callable[[np.random.Generator, int], Arrays]
    mean: Arrays
    sd: Arrays
    modes: tuple[Mode, ...] = ()


def normal(covariance: np.ndarray) -> Target:
    size = len(covariance)
    factor = np.linalg.cholesky(covariance)

    def model():
        numpyro.sample("x", dist.MultivariateNormal(jnp.zeros(size), scale_tril=jnp.array(factor)))

    return Target(
        model,
        lambda rng, draws: {"x": rng.standard_normal((draws, size)) @ factor.T},
        {"x": np.zeros(size)},
        {"x": np.sqrt(np.diag(covariance))},
    )


def equicorrelated(size: int, correlation: float, sd: np.ndarray | float = 1.0) -> np.ndarray:
    """Covariance matrix with the same correlation of every pair."""
    scale = np.broadcast_to(sd, size)
    matrix: np.ndarray = (correlation + (1 - correlation) * np.eye(size)) * np.outer(scale, scale)
    return matrix


def autoregressive(size: int, correlation: float) -> np.ndarray:
    """Covariance matrix whose correlations fall with the distance."""
    matrix: np.ndarray = correlation ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return matrix


def bananas(size: int, bend: float) -> Target:
    """Pairs: a standard Normal u, and v around a parabola in u (Haario, Saksman, Tamminen 1999)."""

    def model():
        u = numpyro.sample("u", dist.Normal(0, 1).expand([size]).to_event(1))
        numpyro.sample("v", dist.Normal(bend * (u**2 - 1), 1).to_event(1))

    def sample(rng, draws):
        u, noise = rng.standard_normal((2, draws, size))
        return {"u": u, "v": bend * (u**2 - 1) + noise}

    zero, one = np.zeros(size), np.ones(size)
    return Target(
        model,
        sample,
        {"u": zero, "v": zero},
        {"u": one, "v": np.sqrt(1 + 2 * bend**2) * one},
    )


def funnel(size: int, sd: float) -> Target:
    """Neal's funnel (Neal 2003, Slice sampling, section 8)."""

    def model():
        v = numpyro.sample("v", dist.Normal(0, sd))
        numpyro.sample("x", dist.Normal(0, jnp.exp(v / 2)).expand([size]).to_event(1))

    def sample(rng, draws):
        v = sd * rng.standard_normal(draws)
        return {"v": v, "x": np.exp(v / 2)[:, None] * rng.standard_normal((draws, size))}

    return Target(
        model,
        sample,
        {"v": np.array(0.0), "x": np.zeros(size)},
        {"v": np.array(sd), "x": np.full(size, np.exp(sd**2 / 4))},
    )


def independent(distribution: dist.Distribution, size: int, sample: Callable) -> Target:
    """Independent components with one distribution; sample: (generator, shape) -> variates."""

    def model():
        numpyro.sample("x", distribution.expand([size]).to_event(1))

    return Target(
        model,
        lambda rng, draws: {"x": sample(rng, (draws, size))},
        {"x": np.full(size, float(distribution.mean))},
        {"x": np.full(size, float(np.sqrt(distribution.variance)))},
    )


def student(size: int, degrees: float) -> Target:
    return independent(
        dist.StudentT(degrees), size, lambda rng, shape: rng.standard_t(degrees, shape)
    )


def joint_student(size: int, degrees: float) -> Target:
    """Multivariate t: its components are uncorrelated, not independent."""

    def model():
        numpyro.sample("x", dist.MultivariateStudentT(degrees, jnp.zeros(size), jnp.eye(size)))

    def sample(rng, draws):
        scale = np.sqrt(degrees / rng.chisquare(degrees, (draws, 1)))
        return {"x": scale * rng.standard_normal((draws, size))}

    sd = np.full(size, np.sqrt(degrees / (degrees - 2)))
    return Target(model, sample, {"x": np.zeros(size)}, {"x": sd})


def dirichlet(concentration: np.ndarray) -> Target:
    distribution = dist.Dirichlet(jnp.array(concentration))
    return Target(
        lambda: numpyro.sample("x", distribution),
        lambda rng, draws: {"x": rng.dirichlet(concentration, draws)},
        {"x": np.asarray(distribution.mean)},
        {"x": np.sqrt(np.asarray(distribution.variance))},
    )


def by_density(
    size: int, log_density: Callable, sample: Callable, mean: float, sd: float
) -> Target:
    """Independent components on the line, each with the same log density."""

    def model():
        x = numpyro.sample("x", dist.ImproperUniform(constraints.real_vector, (), (size,)))
        numpyro.factor("density", log_density(x).sum())

    return Target(
        model,
        lambda rng, draws: {"x": sample(rng, (draws, size))},
        {"x": np.full(size, mean)},
        {"x": np.full(size, sd)},
    )


def log_gamma(size: int, shape: float) -> Target:
    """ln of Gamma(shape, 1) variates: skewed to the left."""
    return by_density(
        size,
        lambda x: shape * x - jnp.exp(jnp.minimum(x, 20.0)) - gammaln(shape),
        lambda rng, dims: np.log(rng.gamma(shape, size=dims)),
        float(polygamma(0, shape)),
        float(np.sqrt(polygamma(1, shape))),
    )


def skew_normal(size: int, skewness: float) -> Target:
    """Skew Normals (Azzalini 1985); `skewness` is their shape parameter."""
    delta = skewness / np.sqrt(1 + skewness**2)

    def sample(rng, dims):
        first, second = rng.standard_normal((2, *dims))
        return delta * np.abs(first) + np.sqrt(1 - delta**2) * second

    return by_density(
        size,
        lambda x: jnp.log(2.0) + dist.Normal(0, 1).log_prob(x) + log_ndtr(skewness * x),
        sample,
        float(delta * np.sqrt(2 / np.pi)),
        float(np.sqrt(1 - 2 * delta**2 / np.pi)),
    )


def two_normals(size: int, place: float, share: float) -> Target:
    """Standard Normals around -place and +place in every component; `share` of the mass is in the second."""

    def model():
        x = numpyro.sample("x", dist.ImproperUniform(constraints.real_vector, (), (size,)))
        low = dist.Normal(-place, 1.0).log_prob(x).sum() + jnp.log(1 - share)
        high = dist.Normal(place, 1.0).log_prob(x).sum() + jnp.log(share)
        numpyro.factor("density", jnp.logaddexp(low, high))

    def sample(rng, draws):
        side = np.where(rng.random((draws, 1)) < share, place, -place)
        return {"x": side + rng.standard_normal((draws, size))}

    mean, sd = place * (2 * share - 1), np.sqrt(1 + 4 * place**2 * share * (1 - share))
    modes = (
        Mode({"x": np.full(size, -place)}, 1 - share),
        Mode({"x": np.full(size, place)}, share),
    )
    return Target(model, sample, {"x": np.full(size, mean)}, {"x": np.full(size, sd)}, modes)


def shallow_modes(size: int, place: float) -> Target:
    """Independent components, each half a standard Normal around -place and half one around +place."""

    def log_density(x):
        low, high = dist.Normal(-place, 1.0).log_prob(x), dist.Normal(place, 1.0).log_prob(x)
        return jnp.logaddexp(low, high) - jnp.log(2.0)

    def sample(rng, dims):
        return rng.choice([-place, place], dims) + rng.standard_normal(dims)

    return by_density(size, log_density, sample, 0.0, float(np.sqrt(1 + place**2)))


def _model(target: Target) -> Callable:
    def model(data):
        target.model()
        numpyro.factor("evidence", LOG_EVIDENCE)

    return model


def _reference(target: Target) -> Callable:
    def reference(data, settings):
        return Reference(
            draws=target.sample(np.random.default_rng(0), NUM_DRAWS),
            mean=target.mean,
            sd=target.sd,
            log_evidence=LOG_EVIDENCE,
            method="exact moments, independent draws",
            modes=target.modes,
        )

    return reference


def problem_of(name: str, source: str, targets: Mapping[str, Target]) -> Problem:
    """A problem whose models are these densities, each with its exact reference."""
    return Problem(
        name=name,
        source=source,
        simulate=lambda key, settings: {},
        models={label: _model(target) for label, target in targets.items()},
        guides={},
        reference={label: _reference(target) for label, target in targets.items()},
        data_schema={"type": "object", "additionalProperties": False},
    )
