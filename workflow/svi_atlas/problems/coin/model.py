"""Fairness of a coin: a Bernoulli probability under a uniform prior, with an exact posterior."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints

from svi_atlas.problems.base import Problem, Reference
from svi_atlas.problems.coin import exact

MOCK_TOSSES = 10
"""Tosses of a mock data set."""

NUM_DRAWS = 10_000
"""Draws of the reference: its quantiles at evenly spaced probabilities."""

DATA_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 2,
    "properties": {
        "heads": {"type": "integer", "minimum": 0, "description": "Tosses that came up heads."},
        "tails": {"type": "integer", "minimum": 0, "description": "Tosses that came up tails."},
        "fairness": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Probability of heads of simulated tosses.",
        },
        "num_tosses": {"type": "integer", "minimum": 1, "description": "Tosses to simulate."},
        "seed": {"type": "integer", "minimum": 0, "description": "Seed of the simulation."},
    },
    "dependentRequired": {
        "heads": ["tails"],
        "tails": ["heads"],
        "fairness": ["num_tosses", "seed"],
        "num_tosses": ["fairness", "seed"],
        "seed": ["fairness", "num_tosses"],
    },
    "dependentSchemas": {"heads": {"maxProperties": 2}},
}


def simulate(key, settings):
    """Tosses `obs` (toss,) of 0 and 1: the given `heads` and `tails`, or drawn.

    Drawn if `fairness` (probability of heads), `num_tosses` and `seed` are given instead.
    """
    if "heads" in settings:
        return {"obs": np.repeat([1.0, 0.0], [settings["heads"], settings["tails"]]).astype("f4")}
    tosses = jax.random.bernoulli(
        jax.random.fold_in(key, settings["seed"]), settings["fairness"], (settings["num_tosses"],)
    )
    return {"obs": np.asarray(tosses, np.float32)}


def headstails(data):
    """f ~ Uniform(0, 1); tosses ~ Bernoulli(f). Without data, draws MOCK_TOSSES new tosses."""
    obs = None if data is None else data["obs"]
    num_tosses = MOCK_TOSSES if obs is None else obs.shape[0]
    fairness = numpyro.sample("latent_fairness", dist.Uniform(0.0, 1.0))
    with numpyro.plate("tosses", num_tosses):
        numpyro.sample("obs", dist.Bernoulli(fairness), obs=obs)


def beta(data):
    """Beta(alpha_q, beta_q), which contains the posterior."""
    alpha = numpyro.param("alpha_q", exact.BETA_START, constraint=constraints.positive)
    beta = numpyro.param("beta_q", exact.BETA_START, constraint=constraints.positive)
    numpyro.sample("latent_fairness", dist.Beta(alpha, beta))


def _mean_and_sd():
    mean = numpyro.param("mean", exact.MEAN_START, constraint=constraints.unit_interval)
    sd = numpyro.param("sd", exact.SD_START, constraint=constraints.positive)
    return mean, sd


def normal(data):
    """Normal(mean, sd) on the real line: part of its mass lies outside (0, 1)."""
    numpyro.sample("latent_fairness", dist.Normal(*_mean_and_sd()))


def truncated_normal(data):
    """Normal(mean, sd) truncated to (0, 1): the same shape, with no mass outside."""
    mean, sd = _mean_and_sd()
    numpyro.sample("latent_fairness", dist.TruncatedNormal(mean, sd, low=0.0, high=1.0))


def reference(data, settings):
    """The exact posterior Beta(1 + heads, 1 + tails) and its evidence B(1 + heads, 1 + tails)."""
    from scipy import stats  # slow to import, and not needed to fit

    heads = float(np.sum(data["obs"]))
    tails = len(data["obs"]) - heads
    a, b = exact.posterior(heads, tails)
    posterior = stats.beta(a, b)
    grid = np.linspace(0.0, 1.0, 1001)
    return Reference(
        draws={"latent_fairness": posterior.ppf((np.arange(NUM_DRAWS) + 0.5) / NUM_DRAWS)},
        mean={"latent_fairness": np.asarray(posterior.mean())},
        sd={"latent_fairness": np.asarray(posterior.std())},
        log_evidence=exact.log_evidence(heads, tails),
        method=f"exact: Beta({a:g}, {b:g})",
        density={"latent_fairness": (grid, posterior.pdf(grid))},
    )


def derived(params):
    """Mean and sd of the Beta guide, from its parameters."""
    if "alpha_q" not in params:
        return {}
    a, b = params["alpha_q"], params["beta_q"]
    mean = a / (a + b)
    return {"mean": mean, "sd": jnp.sqrt(mean * (1 - mean) / (a + b + 1))}


PROBLEM = Problem(
    name="coin",
    source="Bayesian fairness of a coin: 20 tosses, uniform prior",
    simulate=simulate,
    models={"headstails": headstails},
    guides={"beta": beta, "normal": normal, "truncated_normal": truncated_normal},
    reference=reference,
    data_schema=DATA_SCHEMA,
    derived=derived,
)
