"""The cases of the benchmark: (model, guide factory, data) by name."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist

from svi_atlas import problems
from svi_atlas.inference.guides import guide_factory

CASES = {
    "coin normal": ("coin", "headstails", "normal", (1, 32)),
    "coin beta": ("coin", "headstails", "beta", (1, 32)),
    "bimodal normal_mixture": ("bimodal", "stable", "normal_mixture", (16,)),
    "rotated_gaussian AutoMultivariateNormal": (
        "rotated_gaussian", "unconstrained", "AutoMultivariateNormal", (1,)
    ),
    "regression AutoMultivariateNormal": (None, "regression", "AutoMultivariateNormal", (16,)),
    "regression AutoIAFNormal": (None, "regression", "AutoIAFNormal", (16,)),
}  # fmt: skip
"""Case -> problem, model, guide, numbers of particles."""

STEP_SIZES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2)
"""Replicas of every variant are these step sizes of each seed."""


def load(case):
    """(model, make_guide, data) of a case."""
    problem, model, guide, _ = CASES[case]
    if problem is None:
        return regression, lambda: getattr(numpyro.infer.autoguide, guide)(regression), DATA
    found = problems.load(problem)
    settings = {"heads": 12, "tails": 8} if problem == "coin" else {}
    data = found.simulate(jax.random.PRNGKey(0), settings)
    return found.models[model], guide_factory(found, model, guide), data


def regression(data):
    """Hierarchical regression: 8 groups, each with an intercept and a slope; 20 dimensions."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    spread = numpyro.sample("spread", dist.HalfNormal(1.0))
    noise = numpyro.sample("noise", dist.HalfNormal(1.0))
    with numpyro.plate("groups", 8):
        line = numpyro.sample("line", dist.Normal(mean, spread).to_event(1))
    expected = line[data["group"], 0] + line[data["group"], 1] * data["x"]
    numpyro.sample("y", dist.Normal(expected, noise), obs=data["y"])


def _simulate_regression():
    rng = np.random.default_rng(0)
    group, x = np.repeat(np.arange(8), 8), rng.standard_normal(64)
    line = np.array([1.0, -0.5]) + 0.5 * rng.standard_normal((8, 2))
    y = line[group, 0] + line[group, 1] * x + 0.3 * rng.standard_normal(64)
    return {"group": jnp.asarray(group), "x": jnp.float32(x), "y": jnp.float32(y)}


DATA = _simulate_regression()
