"""Densities whose moments are known exactly, in 1 to 100 dimensions, to measure how often a verdict is wrong.

Each is normalised up to the same evidence and comes with independent draws. Which of them a study uses is
fixed in `config/studies/posteriors.csv` before its first run.
"""

from __future__ import annotations

from collections.abc import Callable
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


def _normal(covariance: np.ndarray) -> Target:
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


def _equicorrelated(size: int, correlation: float, sd: np.ndarray | float = 1.0) -> np.ndarray:
    """Covariance matrix with the same correlation of every pair."""
    scale = np.broadcast_to(sd, size)
    matrix: np.ndarray = (correlation + (1 - correlation) * np.eye(size)) * np.outer(scale, scale)
    return matrix


def _autoregressive(size: int, correlation: float) -> np.ndarray:
    """Covariance matrix whose correlations fall with the distance."""
    matrix: np.ndarray = correlation ** np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    return matrix


def _bananas(size: int, bend: float) -> Target:
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


def _funnel(size: int, sd: float) -> Target:
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


def _independent(distribution: dist.Distribution, size: int, sample: Callable) -> Target:
    """Independent components with one distribution; sample: (generator, shape) -> variates."""

    def model():
        numpyro.sample("x", distribution.expand([size]).to_event(1))

    return Target(
        model,
        lambda rng, draws: {"x": sample(rng, (draws, size))},
        {"x": np.full(size, float(distribution.mean))},
        {"x": np.full(size, float(np.sqrt(distribution.variance)))},
    )


def _student(size: int, degrees: float) -> Target:
    return _independent(
        dist.StudentT(degrees), size, lambda rng, shape: rng.standard_t(degrees, shape)
    )


def _joint_student(size: int, degrees: float) -> Target:
    """Multivariate t: its components are uncorrelated, not independent."""

    def model():
        numpyro.sample("x", dist.MultivariateStudentT(degrees, jnp.zeros(size), jnp.eye(size)))

    def sample(rng, draws):
        scale = np.sqrt(degrees / rng.chisquare(degrees, (draws, 1)))
        return {"x": scale * rng.standard_normal((draws, size))}

    sd = np.full(size, np.sqrt(degrees / (degrees - 2)))
    return Target(model, sample, {"x": np.zeros(size)}, {"x": sd})


def _dirichlet(concentration: np.ndarray) -> Target:
    distribution = dist.Dirichlet(jnp.array(concentration))
    return Target(
        lambda: numpyro.sample("x", distribution),
        lambda rng, draws: {"x": rng.dirichlet(concentration, draws)},
        {"x": np.asarray(distribution.mean)},
        {"x": np.sqrt(np.asarray(distribution.variance))},
    )


def _by_density(
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


def _log_gamma(size: int, shape: float) -> Target:
    """ln of Gamma(shape, 1) variates: skewed to the left."""
    return _by_density(
        size,
        lambda x: shape * x - jnp.exp(jnp.minimum(x, 20.0)) - gammaln(shape),
        lambda rng, dims: np.log(rng.gamma(shape, size=dims)),
        float(polygamma(0, shape)),
        float(np.sqrt(polygamma(1, shape))),
    )


def _skew_normal(size: int, skewness: float) -> Target:
    """Skew Normals (Azzalini 1985); `skewness` is their shape parameter."""
    delta = skewness / np.sqrt(1 + skewness**2)

    def sample(rng, dims):
        first, second = rng.standard_normal((2, *dims))
        return delta * np.abs(first) + np.sqrt(1 - delta**2) * second

    return _by_density(
        size,
        lambda x: jnp.log(2.0) + dist.Normal(0, 1).log_prob(x) + log_ndtr(skewness * x),
        sample,
        float(delta * np.sqrt(2 / np.pi)),
        float(np.sqrt(1 - 2 * delta**2 / np.pi)),
    )


def _two_normals(size: int, place: float, share: float) -> Target:
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


def _shallow_modes(size: int, place: float) -> Target:
    """Independent components, each half a standard Normal around -place and half one around +place."""

    def log_density(x):
        low, high = dist.Normal(-place, 1.0).log_prob(x), dist.Normal(place, 1.0).log_prob(x)
        return jnp.logaddexp(low, high) - jnp.log(2.0)

    def sample(rng, dims):
        return rng.choice([-place, place], dims) + rng.standard_normal(dims)

    return _by_density(size, log_density, sample, 0.0, float(np.sqrt(1 + place**2)))


TARGETS = {
    "isotropic_50": _normal(np.eye(50)),
    "correlated_2": _normal(_equicorrelated(2, 0.9)),
    "scales_5": _normal(_equicorrelated(5, 0.5, np.array([0.01, 0.1, 1.0, 10.0, 100.0]))),
    "correlated_10": _normal(_autoregressive(10, 0.7)),
    "weakly_correlated_30": _normal(_equicorrelated(30, 0.15)),
    "correlated_100": _normal(_autoregressive(100, 0.3)),
    "weakly_identified_2": _normal(_equicorrelated(2, 0.9995)),
    "banana_2": _bananas(1, 0.5),
    "bananas_10": _bananas(5, 0.2),
    "funnel_2": _funnel(1, 1.0),
    "funnel_10": _funnel(9, 3.0),
    "student_3_2": _student(2, 3.0),
    "student_6_1": _student(1, 6.0),
    "joint_student_5_5": _joint_student(5, 5.0),
    "student_10_20": _student(20, 10.0),
    "log_gamma_1_3": _log_gamma(3, 1.0),
    "log_gamma_4_1": _log_gamma(1, 4.0),
    "log_gamma_10_10": _log_gamma(10, 10.0),
    "skew_normal_4_2": _skew_normal(2, 4.0),
    "skew_normal_1_10": _skew_normal(10, 1.0),
    "beta_3": _independent(dist.Beta(2.0, 5.0), 3, lambda rng, shape: rng.beta(2.0, 5.0, shape)),
    "gamma_5": _independent(dist.Gamma(3.0, 1.0), 5, lambda rng, shape: rng.gamma(3.0, size=shape)),
    "exponential_10": _independent(
        dist.Exponential(1.0), 10, lambda rng, shape: rng.exponential(size=shape)
    ),
    "half_normal_20": _independent(
        dist.HalfNormal(1.0), 20, lambda rng, shape: np.abs(rng.standard_normal(shape))
    ),
    "dirichlet_5": _dirichlet(np.array([1.0, 2.0, 3.0, 4.0, 5.0])),
    "label_switching_2": _two_normals(2, 3.0, 0.5),
    "label_switching_10": _two_normals(10, 3.0, 0.5),
    "uneven_modes_3": _two_normals(3, 4.0, 0.7),
    "shallow_modes_10": _shallow_modes(10, 1.8),
}


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


PROBLEM = Problem(
    name="verdict_study",
    source="Normals, bananas, funnels, heavy tails, skewed and bounded densities, and several modes",
    simulate=lambda key, settings: {},
    models={name: _model(target) for name, target in TARGETS.items()},
    guides={},
    reference={name: _reference(target) for name, target in TARGETS.items()},
    data_schema={"type": "object", "additionalProperties": False},
)
