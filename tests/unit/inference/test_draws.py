"""Draws from fitted guides: their densities, however many are made at once."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from minibatch_model import DATA, ROWS, make_guide, minibatches
from numpyro.distributions import constraints

from svi_atlas.inference import draws as draws_module
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.schedules import Setting

SETTINGS = (Setting("constant", 0.1), Setting("constant", 0.2))


def line(data):
    numpyro.sample("x", dist.Normal(1.0, 2.0))


def normal(data):
    loc = numpyro.param("loc", 0.0)
    scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
    numpyro.sample("x", dist.Normal(loc, scale))


def normal_with_factor(data):
    normal(data)
    numpyro.factor("penalty", -1.0)


def iterates(loc, scale):
    """Two iterates of one seed and one step size."""
    both = {"loc": jnp.float32(loc), "scale": jnp.log(jnp.float32(scale))}
    return {name: values[:, None, None] for name, values in both.items()}


def draw(guide, derive=None):
    drawer = Drawer(line, lambda: guide, {}, (1,), SETTINGS[:1], 500, derive)
    return drawer(iterates([0.0, 3.0], [1.0, 2.0]))


def test_draws_and_their_densities():
    draws = draw(normal, lambda params: {"double": 2 * params["loc"]})
    x = draws.sites["x"][:, 0, 0]
    assert x.shape == (2, 500)
    loc, scale = np.array([[0.0], [3.0]]), np.array([[1.0], [2.0]])
    np.testing.assert_allclose(draws.params["scale"][:, 0, 0], scale[:, 0], rtol=1e-6)
    np.testing.assert_allclose(draws.derived["double"][:, 0, 0], [0.0, 6.0])
    np.testing.assert_allclose(
        draws.log_guide[:, 0, 0], dist.Normal(loc, scale).log_prob(x), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        draws.log_joint[:, 0, 0], dist.Normal(1.0, 2.0).log_prob(x), rtol=1e-4, atol=1e-5
    )
    standard = (x - loc) / scale  # both iterates share the random numbers of their seed
    np.testing.assert_allclose(standard[0], standard[1], rtol=1e-4, atol=1e-5)


def test_factors_of_the_guide_are_named_and_no_part_of_its_density():
    without, with_factor = draw(normal), draw(normal_with_factor)
    assert without.guide_factors == ()
    assert with_factor.guide_factors == ("penalty",)
    np.testing.assert_allclose(with_factor.log_guide, without.log_guide, rtol=1e-5)


def test_the_density_of_one_iterate_is_that_of_its_draws():
    drawer = Drawer(line, lambda: normal, {}, (1,), SETTINGS[:1], 500)
    both = iterates([0.0, 3.0], [1.0, 2.0])
    first = jax.tree.map(lambda leaf: leaf[0], both)
    np.testing.assert_array_equal(drawer.log_joint(first), drawer(both).log_joint[0])


def test_draws_in_parts_are_the_draws_at_once(monkeypatch):
    """With much data the draws of a cell are evaluated a few at a time."""
    iterates = {"mean_auto_loc": np.zeros((1, 1, 2)), "mean_auto_scale": np.full((1, 1, 2), -1.0)}
    iterates = jax.tree.map(jnp.float32, iterates)
    full = Drawer(minibatches, make_guide, DATA, (1,), SETTINGS, 100)(iterates)
    monkeypatch.setattr(draws_module, "MAX_DATA_VALUES", 2 * ROWS * 30)
    parts = Drawer(minibatches, make_guide, DATA, (1,), SETTINGS, 100)(iterates)
    for name in ("log_joint", "log_guide", "elbo_gap", "gap_beyond", "gradient_scale", "step_kl"):
        np.testing.assert_allclose(getattr(parts, name), getattr(full, name), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(parts.sites["mean"], full.sites["mean"])


def mixture(data):
    weights = jnp.array([0.2, 0.8])
    modes = dist.Normal(jnp.array([-4.0, 4.0]), 1.0)
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(weights), modes))


def mixture_guide(data):
    weight = numpyro.param("weight", 0.5, constraint=constraints.unit_interval)
    loc = numpyro.param("loc", jnp.array([-4.0, 4.0]))
    weights = jnp.stack([weight, 1 - weight])
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(weights), dist.Normal(loc, 1.0)))


def test_the_gap_of_a_weight_is_that_of_its_score_function():
    """The draws do not depend smoothly on it, so that gradients along their paths say nothing.

    With l = ln(w / 0.2) - ln((1 - w) / 0.8) the gap is l^2 w (1 - w) / 2, and nothing else is left to gain.
    """
    drawer = Drawer(mixture, lambda: mixture_guide, {}, (1,), SETTINGS[:1], 20_000)
    weight = np.array([0.5, 0.2], np.float32)
    both = {
        "weight": jnp.log(weight / (1 - weight))[:, None, None],
        "loc": jnp.broadcast_to(jnp.array([-4.0, 4.0]), (2, 1, 1, 2)),
    }
    draws = drawer(both)
    gap, error = draws.elbo_gap[:, 0, 0], draws.elbo_gap_se[:, 0, 0]
    slope = np.log(0.5 / 0.2) - np.log(0.5 / 0.8)
    assert abs(gap[0] - slope**2 * 0.25 / 2) < 4 * error[0]
    assert error[0] < 0.02
    assert abs(gap[1]) < 1e-3
    assert drawer.chosen == {"weight"}


def test_draws_of_density_zero_are_left_out_of_the_gap_of_a_weight():
    def half(data):
        mixture(data)
        numpyro.factor("cut", jnp.where(numpyro.sample("u", dist.Normal()) > 2.0, -jnp.inf, 0.0))

    def guide(data):
        mixture_guide(data)
        numpyro.sample("u", dist.Normal())

    drawer = Drawer(half, lambda: guide, {}, (1,), SETTINGS[:1], 4000)
    at = {"weight": jnp.zeros((1, 1, 1)), "loc": jnp.array([[[[-4.0, 4.0]]]])}
    draws = drawer(at)
    slope = np.log(0.5 / 0.2) - np.log(0.5 / 0.8)
    gap, error = draws.elbo_gap[0, 0, 0], draws.elbo_gap_se[0, 0, 0]
    assert np.isneginf(draws.log_joint).any()
    assert abs(gap - slope**2 * 0.25 / 2) < 4 * error
