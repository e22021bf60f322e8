"""Models whose posteriors are easy, badly scaled or strange, with data of their own."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

SPREADS = np.array([[0.01, 0.0], [-0.02, 0.05]])
"""Cholesky factor of the covariance of `a` given `b` in `linear`."""

GAINS, CENTRE, WIDTH = np.array([0.2, -0.3]), 40.0, 100.0
"""a = GAINS b + noise, and b ~ Normal(CENTRE, WIDTH)."""


def linear(data):
    """A Normal posterior of three badly scaled coordinates, (a, a, b) as they are flattened."""
    b = numpyro.sample("b", dist.Normal(CENTRE, WIDTH))
    numpyro.sample(
        "a", dist.MultivariateNormal(jnp.array(GAINS) * b, scale_tril=jnp.array(SPREADS))
    )


LINEAR_MEAN = np.append(GAINS * CENTRE, CENTRE)
LINEAR_MAP = np.block([[SPREADS, WIDTH * GAINS[:, None]], [np.zeros(2), WIDTH]])
LINEAR_COVARIANCE = LINEAR_MAP @ LINEAR_MAP.T


def predictors(count):
    """An intercept, a year and an income."""
    rng = np.random.default_rng(31)
    return np.column_stack(
        [np.ones(count), rng.uniform(1960, 2005, count), rng.lognormal(10.2, 0.6, count)]
    )


def regression(data):
    """With a known standard deviation of the noise, so that the posterior is Normal."""
    beta = numpyro.sample("beta", dist.Normal(0, 100).expand([3]).to_event(1))
    numpyro.sample("y", dist.Normal(data["x"] @ beta, 0.8), obs=data["y"])


def regression_data():
    x, rng = predictors(120), np.random.default_rng(32)
    return {"x": x, "y": x @ np.array([-40, 0.02, 2e-4]) + 0.8 * rng.standard_normal(120)}


def logistic(data):
    beta = numpyro.sample("beta", dist.Normal(0, 100).expand([3]).to_event(1))
    numpyro.sample("y", dist.Bernoulli(logits=data["x"] @ beta), obs=data["y"])


def logistic_data():
    x, rng = predictors(300), np.random.default_rng(33)
    standard = (x - x.mean(0)) / np.maximum(x.std(0), 1e-9)
    chance = 1 / (1 + np.exp(-0.3 - standard @ np.array([0.0, 1.0, -0.7])))
    return {"x": x, "y": (rng.random(300) < chance).astype(float)}


def autoregression(data):
    y = data["y"]
    level = numpyro.sample("level", dist.Normal(0, 5))
    memory = numpyro.sample("memory", dist.Normal(0, 5).expand([2]).to_event(1))
    noise = numpyro.sample("noise", dist.HalfCauchy(2.0))
    mean = level + memory[0] * y[1:-1] + memory[1] * y[:-2]
    numpyro.sample("next", dist.Normal(mean, noise), obs=y[2:])


def autoregression_data():
    rng, y = np.random.default_rng(34), np.zeros(150)
    for time in range(2, 150):
        y[time] = 0.5 * y[time - 1] + 0.2 * y[time - 2] + 0.3 * rng.standard_normal()
    return {"y": y}


def ordered_mixture(data):
    improper = dist.ImproperUniform(constraints.ordered_vector, (), (2,))
    centres = numpyro.sample("centres", improper)
    numpyro.factor("prior", dist.Normal(0, 5).log_prob(centres).sum())
    widths = numpyro.sample("widths", dist.HalfNormal(2).expand([2]).to_event(1))
    share = numpyro.sample("share", dist.Beta(3, 3))
    which = dist.Categorical(jnp.stack([share, 1 - share]))
    mixture = dist.MixtureSameFamily(which, dist.Normal(centres, widths))
    with numpyro.plate("rows", len(data["y"])):
        numpyro.sample("y", mixture, obs=data["y"])


def mixture_data():
    rng = np.random.default_rng(35)
    first = rng.random(300) < 0.4
    return {"y": np.where(first, rng.normal(-2, 1.2, 300), rng.normal(3, 0.8, 300))}


SCHOOLS = {
    "y": np.array([22.0, 5, -6, 9, 2, -3, 15, 10]),
    "se": np.array([14.0, 11, 15, 9, 10, 12, 9, 17]),
}


def centred_schools(data):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    theta = numpyro.sample("theta", dist.Normal(mu, tau).expand([8]).to_event(1))
    numpyro.sample("y", dist.Normal(theta, data["se"]), obs=data["y"])


def non_centred_schools(data):
    mu = numpyro.sample("mu", dist.Normal(0, 5))
    tau = numpyro.sample("tau", dist.HalfCauchy(5))
    z = numpyro.sample("z", dist.Normal(0, 1).expand([8]).to_event(1))
    numpyro.sample("y", dist.Normal(mu + tau * z, data["se"]), obs=data["y"])


def funnel(data):
    """Neal's: it has a mode, at which everything is far narrower than in the bulk."""
    v = numpyro.sample("v", dist.Normal(0, 3))
    numpyro.sample("x", dist.Normal(0, jnp.exp(v / 2)).expand([9]).to_event(1))


def only_the_sum(data):
    """Improper: the data know a + b alone."""
    improper = dist.ImproperUniform(constraints.real, (), ())
    a, b = numpyro.sample("a", improper), numpyro.sample("b", improper)
    numpyro.sample("c", dist.Normal(0, 1))
    numpyro.sample("y", dist.Normal(a + b, 1.0), obs=jnp.array([1.0, 2.0, 3.0]))


def separated(data):
    """Improper: a line separates the classes, and the likelihood rises with its slope."""
    slope = numpyro.sample("slope", dist.ImproperUniform(constraints.real, (), ()))
    x = jnp.array([-2.0, -1.0, 1.0, 2.0])
    numpyro.sample("y", dist.Bernoulli(logits=slope * x), obs=(x > 0).astype(x.dtype))


def kink(data):
    numpyro.sample("x", dist.Laplace(1.0, 2.0).expand([3]).to_event(1))


def flat_top(data):
    """Falls with the fourth power for a long way: almost no curvature at the mode."""
    x = numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.factor("fall", -(x**4) - 1e-4 * x**2)


def two_modes(data):
    mixing = dist.Categorical(probs=jnp.array([0.3, 0.7]))
    numpyro.sample(
        "x", dist.MixtureGeneral(mixing, [dist.Normal(-3.0, 1.0), dist.Normal(3.0, 0.5)])
    )


def discrete(data):
    k = numpyro.sample("k", dist.Bernoulli(0.5))
    numpyro.sample("x", dist.Normal(k, 1.0))
