"""Regressions, an autoregression, a mixture, eight schools, and the posteriors of the tutorial.

They are small and ordinary, and a fit with a constant step size arrives at almost none of them.
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.arrival import exact
from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.bimodal.model import PROBLEM as BIMODAL
from svi_atlas.problems.bimodal.model import reference as bimodal_reference
from svi_atlas.problems.coin.model import PROBLEM as COIN
from svi_atlas.problems.coin.model import reference as coin_reference
from svi_atlas.problems.factor_thread.model import PROBLEM as FACTOR_THREAD
from svi_atlas.problems.factor_thread.model import sample_reference
from svi_atlas.problems.rotated_gaussian.model import PROBLEM as ROTATED_GAUSSIAN
from svi_atlas.problems.rotated_gaussian.model import unconstrained_reference

NUM_DRAWS = 10_000
"""Draws of the references."""

COEFFICIENT_SD, NOISE_SCALE = 100.0, 2.5
"""Priors of the regressions: Normal(0, COEFFICIENT_SD), and HalfCauchy(NOISE_SCALE) for the noise."""

LAGS, LAG_SD = 3, 10.0
"""The autoregression looks back LAGS steps; the prior of its coefficients is Normal(0, LAG_SD)."""

MEAN_SD, SPREAD_SCALE = 5.0, 5.0
"""Priors of the eight schools: mu ~ Normal(0, MEAN_SD), tau ~ HalfCauchy(SPREAD_SCALE)."""

EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
STANDARD_ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
"""Effects of coaching in eight schools: Rubin (1981), "Estimation in parallel randomized
experiments", Journal of Educational Statistics 6, 377-401, as printed in Gelman et al. (2013),
Bayesian Data Analysis, table 5.2."""

EXAMPLES = {
    "coin": (COIN, "headstails", {"heads": 12, "tails": 8}),
    "bimodal": (BIMODAL, "stable", {}),
    "rotated_gaussian": (ROTATED_GAUSSIAN, "unconstrained", {}),
    "factor_thread": (FACTOR_THREAD, "sample", {}),
}
"""Model -> problem, model and data of an experiment of the tutorial."""


def _regression_data(rng):
    """An outcome by a year and an income, both in the units in which they are recorded."""
    year = rng.integers(1948, 2016, 200).astype(float)
    income = np.round(np.exp(rng.normal(10.2, 0.5, 200)))
    y = 0.04 * (year - 1980) + 8e-5 * income + rng.normal(0.0, 1.1, 200)
    return {"x": np.column_stack([np.ones(200), year, income]), "y": y}


def _standardised(data):
    x = data["x"].copy()
    x[:, 1:] = (x[:, 1:] - x[:, 1:].mean(0)) / x[:, 1:].std(0)
    return {"x": x, "y": data["y"]}


def _logistic_data(rng):
    """Predictors in units from a tenth to a hundred."""
    scale = np.array([1.0, 10.0, 100.0, 0.1, 1.0, 1.0, 1.0])
    x = np.column_stack([np.ones(300), scale * rng.standard_normal((300, len(scale)))])
    slope = np.array([-0.4, 0.6, -0.06, 0.005, 4.0, 0.0, -0.8, 0.3])
    return {"x": x, "y": rng.random(300) < 1 / (1 + np.exp(-x @ slope))}


def _autoregression_data(rng):
    y = np.zeros(200)
    for t in range(2, len(y)):
        y[t] = 0.6 * y[t - 1] - 0.3 * y[t - 2] + rng.normal(0.0, 0.2)
    return {"y": y}


def _mixture_data(rng):
    first = rng.random(500) < 0.35
    return {"y": np.where(first, rng.normal(-2.2, 0.8, 500), rng.normal(2.6, 1.2, 500))}


def simulate(key, settings):
    """The data of every model, `<model>.<array>`."""
    rngs = [np.random.default_rng([*np.asarray(key), index]) for index in range(4)]
    regression = _regression_data(rngs[0])
    schools = {"y": np.array(EFFECTS), "standard_error": np.array(STANDARD_ERRORS)}
    data = {
        "raw_regression": regression,
        "standardised_regression": _standardised(regression),
        "raw_logistic": _logistic_data(rngs[1]),
        "autoregression": _autoregression_data(rngs[2]),
        "ordered_mixture": _mixture_data(rngs[3]),
        "eight_schools_non_centred": schools,
        "eight_schools_centred": schools,
    }
    for name, (problem, _, own_settings) in EXAMPLES.items():
        assert problem.simulate is not None
        data[name] = problem.simulate(key, own_settings)
    return {
        f"{name}.{array}": np.asarray(values, np.float32)
        for name, arrays in data.items()
        for array, values in arrays.items()
    }


def regression(data):
    """Predictors as columns of x, the first of them 1."""
    prior = dist.Normal(0.0, COEFFICIENT_SD).expand([data["x"].shape[1]]).to_event(1)
    slope = numpyro.sample("slope", prior)
    noise = numpyro.sample("noise", dist.HalfCauchy(NOISE_SCALE))
    numpyro.sample("y", dist.Normal(data["x"] @ slope, noise), obs=data["y"])


def logistic(data):
    """Logistic regression on the columns of x, the first of them 1."""
    prior = dist.Normal(0.0, 10.0).expand([data["x"].shape[1]]).to_event(1)
    slope = numpyro.sample("slope", prior)
    numpyro.sample("y", dist.Bernoulli(logits=data["x"] @ slope), obs=data["y"])


def autoregression(data):
    """Each value depends on the LAGS before it."""
    intercept = numpyro.sample("intercept", dist.Normal(0.0, LAG_SD))
    slope = numpyro.sample("slope", dist.Normal(0.0, LAG_SD).expand([LAGS]).to_event(1))
    noise = numpyro.sample("noise", dist.HalfCauchy(NOISE_SCALE))
    y = data["y"]
    numpyro.sample("y", dist.Normal(intercept + _lagged(y) @ slope, noise), obs=y[LAGS:])


def _lagged(y):
    """(time, lag): the values before each but the first LAGS, the latest first."""
    return jnp.stack([y[LAGS - lag : len(y) - lag] for lag in range(1, LAGS + 1)], -1)


def mixture(data):
    """Two Normal components with ordered means."""
    ordered = dist.ImproperUniform(constraints.ordered_vector, (), (2,))
    mean = numpyro.sample("mean", ordered)
    numpyro.factor("prior_of_mean", dist.Normal(0.0, 5.0).log_prob(mean).sum())
    sd = numpyro.sample("sd", dist.HalfNormal(2.0).expand([2]).to_event(1))
    weight = numpyro.sample("weight", dist.Beta(5.0, 5.0))
    components = dist.Categorical(jnp.stack([weight, 1 - weight]))
    with numpyro.plate("observations", len(data["y"])):
        observed = dist.MixtureSameFamily(components, dist.Normal(mean, sd))
        numpyro.sample("y", observed, obs=data["y"])


def _mean_and_spread():
    mu = numpyro.sample("mu", dist.Normal(0.0, MEAN_SD))
    return mu, numpyro.sample("tau", dist.HalfCauchy(SPREAD_SCALE))


def eight_schools_non_centred(data):
    """The effect of a school is mu + tau t."""
    mu, tau = _mean_and_spread()
    with numpyro.plate("schools", len(data["y"])):
        effect = mu + tau * numpyro.sample("t", dist.Normal(0.0, 1.0))
        numpyro.sample("y", dist.Normal(effect, data["standard_error"]), obs=data["y"])


def eight_schools_centred(data):
    """The effect of a school is a site: its spread tau makes a funnel."""
    mu, tau = _mean_and_spread()
    with numpyro.plate("schools", len(data["y"])):
        effect = numpyro.sample("effect", dist.Normal(mu, tau))
        numpyro.sample("y", dist.Normal(effect, data["standard_error"]), obs=data["y"])


def regression_reference(data, settings):
    """Exact, by an integral over the noise."""
    x, y = (np.asarray(data[name], float) for name in ("x", "y"))
    prior_sd = np.full(x.shape[1], COEFFICIENT_SD)
    found = exact.linear_regression(x, y, prior_sd, NOISE_SCALE, NUM_DRAWS)
    return _reference(found, {"noise": 0, "slope": slice(1, None)})


def autoregression_reference(data, settings):
    """Exact, as a regression on the lagged values."""
    y = np.asarray(data["y"], float)
    lagged = np.column_stack([y[LAGS - lag : len(y) - lag] for lag in range(1, LAGS + 1)])
    x = np.column_stack([np.ones(len(lagged)), lagged])
    prior_sd = np.full(1 + LAGS, LAG_SD)
    found = exact.linear_regression(x, y[LAGS:], prior_sd, NOISE_SCALE, NUM_DRAWS)
    return _reference(found, {"noise": 0, "intercept": 1, "slope": slice(2, None)})


def _schools_reference(centred):
    def reference(data, settings):
        y, error = (np.asarray(data[name], float) for name in ("y", "standard_error"))
        found = exact.random_effects(y, error, MEAN_SD, SPREAD_SCALE, centred, NUM_DRAWS)
        effects = "effect" if centred else "t"
        return _reference(found, {"tau": 0, "mu": 1, effects: slice(2, None)})

    return reference


def _reference(found: exact.ScaleAndCoefficients, places: dict) -> Reference:
    """The columns of an exact posterior as sites."""
    return Reference(
        draws={site: found.draws[:, place] for site, place in places.items()},
        mean={site: np.asarray(found.mean[place]) for site, place in places.items()},
        sd={site: np.asarray(found.sd[place]) for site, place in places.items()},
        log_evidence=found.log_evidence,
        method="exact: Normal given the scale, which is integrated out",
    )


def _own_data(name: str, function: Callable) -> Callable:
    """A model, or a reference, that is given the data of `name` only."""

    def with_own_data(data, *settings):
        prefix = f"{name}."
        own = {key.removeprefix(prefix): data[key] for key in data if key.startswith(prefix)}
        return function(own, *settings)

    return with_own_data


MODELS = {
    "raw_regression": regression,
    "standardised_regression": regression,
    "raw_logistic": logistic,
    "autoregression": autoregression,
    "ordered_mixture": mixture,
    "eight_schools_non_centred": eight_schools_non_centred,
    "eight_schools_centred": eight_schools_centred,
    **{name: problem.models[model] for name, (problem, model, _) in EXAMPLES.items()},
}

REFERENCES = {
    "raw_regression": regression_reference,
    "standardised_regression": regression_reference,
    "autoregression": autoregression_reference,
    "eight_schools_non_centred": _schools_reference(centred=False),
    "eight_schools_centred": _schools_reference(centred=True),
    "coin": coin_reference,
    "bimodal": bimodal_reference,
    "rotated_gaussian": unconstrained_reference,
    "factor_thread": sample_reference,
}

PROBLEM = Problem(
    name="arrival",
    source="everyday posteriors with simulated data, eight schools (Rubin 1981), and the tutorial's",
    simulate=simulate,
    models={name: _own_data(name, model) for name, model in MODELS.items()},
    guides={},
    reference={name: _own_data(name, reference) for name, reference in REFERENCES.items()},
    data_schema={"type": "object", "additionalProperties": False},
)
