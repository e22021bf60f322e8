"""Fits may look at minibatches; their statistics are of all data."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from minibatch_model import BATCH, DATA, ROWS, make_guide, minibatches
from numpyro import handlers
from numpyro.infer.autoguide import AutoNormal
from numpyro.infer.util import log_density

from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.posterior import Posterior
from svi_atlas.inference.schedules import Setting

SETTINGS = (Setting("constant", 0.1),)


def exact_log_density(mean):
    y = DATA["y"].astype(float)
    logs = dist.Normal(mean, 1.0).log_prob(y).sum() + dist.Normal(0.0, 1.0).log_prob(mean)
    return np.asarray(logs)


@pytest.mark.parametrize("seed", [0, 1])
def test_density_is_that_of_all_rows(seed):
    seeded = handlers.seed(NoSubsampling(minibatches), jax.random.PRNGKey(seed))
    log, trace = log_density(seeded, (DATA,), {}, {"mean": 0.3})
    np.testing.assert_allclose(log, exact_log_density(0.3), rtol=1e-5)
    assert trace["y"]["value"].shape == (ROWS,)
    alone = handlers.seed(minibatches, jax.random.PRNGKey(seed))
    assert abs(log_density(alone, (DATA,), {}, {"mean": 0.3})[0] - log) > 1e-2


def test_draws_are_judged_by_all_rows_and_the_reference_is_of_all_rows():
    fits = fit_cell(
        minibatches, make_guide, DATA, num_particles=2, step_sizes=(0.01,), seeds=(1,),
        num_steps=40, num_snapshots=20,
    )  # fmt: skip
    draws = Drawer(minibatches, make_guide, DATA, (1,), SETTINGS, 100)(fits.iterates)
    means = draws.sites["mean"][0, 0, 0]
    expected = [exact_log_density(mean) for mean in means]
    np.testing.assert_allclose(draws.log_joint[0, 0, 0], expected, rtol=1e-4)
    posterior = Posterior.from_model(minibatches, DATA, "here")
    height, _ = posterior.evaluate(np.array([[0.3]]))
    np.testing.assert_allclose(height, exact_log_density(0.3), rtol=1e-6)


def test_a_model_that_cannot_look_at_all_rows_says_which_plate_takes_a_part():
    def fixed(data):
        mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
        with numpyro.plate("rows", ROWS, subsample_size=BATCH):
            numpyro.sample("y", dist.Normal(mean, 1.0), obs=jnp.asarray(data["y"])[:BATCH])

    iterates = {"mean_auto_loc": jnp.zeros((1, 1, 1)), "mean_auto_scale": jnp.zeros((1, 1, 1))}
    drawer = Drawer(fixed, lambda: AutoNormal(fixed), DATA, (1,), SETTINGS, 100)
    with pytest.raises(ModelError, match=f"plate 'rows' takes {BATCH} of {ROWS} at random: index"):
        drawer(iterates)
