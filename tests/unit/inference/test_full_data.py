"""Fits may look at minibatches; what is said of them is of all data."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer.autoguide import AutoNormal
from numpyro.infer.util import log_density

from svi_atlas.inference import draws as evaluate
from svi_atlas.inference import fit as engine
from svi_atlas.inference.acceleration import hoist
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.fit import ModelError, fit_cell
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.references.posterior import Posterior

ROWS, BATCH = 60, 7
DATA = {"y": np.random.default_rng(0).normal(1.0, 1.0, ROWS).astype(np.float32)}


def minibatches(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", ROWS, subsample_size=BATCH) as batch:
        numpyro.sample("y", dist.Normal(mean, 1.0), obs=jnp.asarray(data["y"])[batch])


def make_guide():
    return AutoNormal(minibatches)


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
    draws = Drawer(minibatches, make_guide, DATA, (1,), (0.1,), 100)(fits.iterates)
    means = draws.sites["mean"][0, 0, 0]
    expected = [exact_log_density(mean) for mean in means]
    np.testing.assert_allclose(draws.log_joint[0, 0, 0], expected, rtol=1e-4)
    posterior = Posterior.of(minibatches, DATA, "here")
    height, _ = posterior.evaluate(np.array([[0.3]]))
    np.testing.assert_allclose(height, exact_log_density(0.3), rtol=1e-6)


def test_a_model_that_cannot_look_at_all_rows_says_which_plate_takes_a_part():
    def fixed(data):
        mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
        with numpyro.plate("rows", ROWS, subsample_size=BATCH):
            numpyro.sample("y", dist.Normal(mean, 1.0), obs=jnp.asarray(data["y"])[:BATCH])

    iterates = {"mean_auto_loc": jnp.zeros((1, 1, 1)), "mean_auto_scale": jnp.zeros((1, 1, 1))}
    drawer = Drawer(fixed, lambda: AutoNormal(fixed), DATA, (1,), (0.1,), 100)
    with pytest.raises(ModelError, match=f"plate 'rows' takes {BATCH} of {ROWS} at random: index"):
        drawer(iterates)


def test_draws_in_parts_are_the_draws_at_once(monkeypatch):
    """With much data the draws of a cell are evaluated a few at a time."""
    iterates = {"mean_auto_loc": np.zeros((1, 1, 2)), "mean_auto_scale": np.full((1, 1, 2), -1.0)}
    iterates = jax.tree.map(jnp.float32, iterates)
    whole = Drawer(minibatches, make_guide, DATA, (1,), (0.1, 0.2), 100)(iterates)
    monkeypatch.setattr(evaluate, "MOST_AT_ONCE", 2 * ROWS * 30)
    parts = Drawer(minibatches, make_guide, DATA, (1,), (0.1, 0.2), 100)(iterates)
    for name in ("log_joint", "log_guide", "elbo_gap", "step_kl"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-5)
    np.testing.assert_array_equal(parts.sites["mean"], whole.sites["mean"])


def test_large_random_arrays_are_made_for_fewer_steps_ahead_and_change_nothing(monkeypatch):
    def losses():
        return fit_cell(
            minibatches, make_guide, DATA, num_particles=1, step_sizes=(0.01,), seeds=(1,),
            num_steps=400, num_snapshots=2,
        ).loss  # fmt: skip

    ahead = losses()
    lengths = []
    scan = jax.lax.scan

    def watched(function, *arguments, **options):
        lengths.append(options.get("length"))
        return scan(function, *arguments, **options)

    monkeypatch.setattr(engine, "MOST_AHEAD", 3 * ROWS)
    monkeypatch.setattr(engine.jax.lax, "scan", watched)
    np.testing.assert_allclose(losses(), ahead, rtol=1e-6)
    assert {2, 10} <= set(lengths)  # blocks of 2 of the 20 steps to a snapshot, 10 of them
    assert 20 not in lengths


def test_the_largest_array_on_the_way():
    def function(x):
        return jax.lax.scan(lambda c, _: (c, jnp.outer(x, x).sum()), 0.0, None, length=3)[1].sum()

    assert hoist.largest_array(function, jnp.ones(7)) == 49
