"""The densities of the verdict study and of its hold-out: their draws and their moments belong to them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from numpyro.infer.util import initialize_model, unconstrain_fn

from svi_atlas import problems
from svi_atlas.problems.verdict_holdout.model import TARGETS as KEPT_ASIDE
from svi_atlas.problems.verdict_study.model import TARGETS as STUDIED

TARGETS = {**STUDIED, **KEPT_ASIDE}
MODELS = {**problems.load("verdict_study").models, **problems.load("verdict_holdout").models}

NUM_DRAWS = 4_000

MAX_Z = 5.0
"""Standard errors; among some hundred components none is off by more by chance."""

INFINITE_KURTOSIS = ("student_3_2", "funnel_10")
"""The standard error of an sd says nothing here."""


def scores(name, draws):
    """Gradients of the log density of the unconstrained coordinates at draws, (draw, dim)."""
    model = MODELS[name]
    with jax.enable_x64(True):
        info = initialize_model(jax.random.PRNGKey(0), model, model_args=({},), validate_grad=False)
        _, to_dict = ravel_pytree(info.param_info.z)

        def score(draw):
            position, _ = ravel_pytree(unconstrain_fn(model, ({},), {}, draw))
            return jax.grad(lambda v: -info.potential_fn(to_dict(v)))(position)

        arrays = {site: jnp.asarray(values) for site, values in draws.items()}
        return np.asarray(jax.jit(jax.vmap(score))(arrays))


@pytest.mark.parametrize("name", TARGETS)
def test_draws_belong_to_the_density(name):
    """The score has the mean zero under the density that it is of, and under no other."""
    draws = TARGETS[name].sample(np.random.default_rng(2), NUM_DRAWS)
    gradients = scores(name, draws)
    z = gradients.mean(0) / (gradients.std(0) / np.sqrt(NUM_DRAWS))
    assert np.abs(z).max() < MAX_Z


@pytest.mark.parametrize("name", TARGETS)
def test_moments_are_those_of_the_draws(name):
    target = TARGETS[name]
    draws = target.sample(np.random.default_rng(3), 50_000)
    for site, values in draws.items():
        standard = (values - target.mean[site]) / target.sd[site]
        assert np.abs(standard.mean(0)).max() < MAX_Z / np.sqrt(50_000)
        if name not in INFINITE_KURTOSIS:
            error = np.sqrt(((standard**4).mean(0) - 1) / (4 * 50_000))
            assert (np.abs(standard.std(0) - 1) < MAX_Z * error).all()


def test_modes_have_the_share_of_the_draws():
    for name, target in TARGETS.items():
        for mode in target.modes:
            draws = target.sample(np.random.default_rng(4), NUM_DRAWS)["x"]
            near = np.sign(draws.mean(1)) == np.sign(mode.centre["x"][0])
            assert near.mean() == pytest.approx(mode.mass, abs=4 * 0.5 / np.sqrt(NUM_DRAWS)), name
