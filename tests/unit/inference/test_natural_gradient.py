"""The optimality gap from fresh draws, against exact Kullback-Leibler divergences."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from autoguide_params import normal_model, unconstrain
from numpyro.distributions import constraints
from numpyro.infer import autoguide
from scipy.special import betaln, digamma

from svi_atlas import problems
from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.schedules import Setting

SEEDS = (1, 2, 3, 4, 5, 6)
SETTINGS = (Setting("constant", 0.1),)


def iterates(**values):
    """One unconstrained iterate for every seed and one step size."""
    return {
        name: jnp.broadcast_to(jnp.float32(value), (1, len(SEEDS), 1, *jnp.shape(value)))
        for name, value in values.items()
    }


def elbo_gap(model, make_guide, data, num_draws=4000, **values):
    with accelerated():
        draws = Drawer(model, make_guide, data, SEEDS, SETTINGS, num_draws)(iterates(**values))
    return draws.elbo_gap.ravel(), draws.elbo_gap_se.ravel()


def normal(data):
    numpyro.sample("x", dist.Normal(1.0, 2.0))


@pytest.mark.parametrize(("loc", "scale"), [(1.0, 2.0), (1.1, 2.0), (1.0, 2.08), (0.96, 1.94)])
def test_a_normal_near_its_optimum(loc, scale):
    gap, error = elbo_gap(
        normal,
        lambda: autoguide.AutoNormal(normal),
        {},
        x_auto_loc=loc,
        x_auto_scale=np.log(np.expm1(scale)),
    )
    exact = np.log(2.0 / scale) + (scale**2 + (loc - 1.0) ** 2) / 8 - 0.5
    # Second order in the distance: within 5 % here, beside the Monte Carlo error.
    assert np.abs(gap.mean() - exact) < 0.05 * exact + 3 * error.mean() / np.sqrt(len(SEEDS)) + 1e-7
    assert (np.abs(gap - exact) < 0.05 * exact + 5 * error + 1e-7).all()
    assert (error < 1e-4).all()


@pytest.mark.parametrize(("alpha", "beta"), [(13.0, 9.0), (12.18, 8.59), (13.2, 9.1)])
def test_the_coins_beta_guide(alpha, beta):
    coin = problems.load("coin")
    data = coin.simulate(None, {"heads": 12, "tails": 8})
    gap, error = elbo_gap(
        coin.models["headstails"],
        lambda: coin.guides["beta"],
        data,
        alpha_q=np.log(alpha),
        beta_q=np.log(beta),
    )
    exact = (
        betaln(13, 9) - betaln(alpha, beta)
        + (alpha - 13) * digamma(alpha) + (beta - 9) * digamma(beta)
        + (13 - alpha + 9 - beta) * digamma(alpha + beta)
    )  # fmt: skip
    assert np.abs(gap.mean() - exact) < 0.08 * exact + 3 * error.mean() / np.sqrt(len(SEEDS)) + 1e-7


def plane(data):
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(0.8 * x, 0.6))


def mean_field(data):
    loc = numpyro.param("loc", jnp.zeros(2))
    scale = numpyro.param("scale", jnp.ones(2), constraint=constraints.positive)
    numpyro.sample("x", dist.Normal(loc[0], scale[0]))
    numpyro.sample("y", dist.Normal(loc[1], scale[1]))


def test_the_gap_is_zero_at_the_optimum_of_a_family_that_cannot_fit():
    optimum = np.log([0.6, 0.6])
    gap, error = elbo_gap(plane, lambda: mean_field, {}, loc=np.zeros(2), scale=optimum)
    assert (np.abs(gap) < 5 * error).all()
    away, _ = elbo_gap(plane, lambda: mean_field, {}, loc=np.array([0.2, 0.0]), scale=optimum)
    assert (away > 0.01).all()


def test_parameters_that_change_nothing_do_not_matter():
    def twice(data):
        one, two = numpyro.param("one", 0.0), numpyro.param("two", 0.0)
        numpyro.sample("x", dist.Normal(one + two, 2.0))

    def once(data):
        numpyro.sample("x", dist.Normal(numpyro.param("one", 0.0), 2.0))

    gap, _ = elbo_gap(normal, lambda: twice, {}, one=0.7, two=0.5)
    expected, _ = elbo_gap(normal, lambda: once, {}, one=1.2)
    np.testing.assert_allclose(gap, expected, rtol=1e-3)


def test_guides_by_hand_with_many_parameters_get_none():
    def wide(data):
        numpyro.sample("x", dist.Normal(0.0, 1.0).expand([65]).to_event(1))

    def by_hand(data):
        loc = numpyro.param("loc", jnp.zeros(65))
        numpyro.sample("x", dist.Normal(loc, 1.0).to_event(1))

    gap, error = elbo_gap(wide, lambda: by_hand, {}, num_draws=100, loc=np.zeros(65))
    assert np.isnan(gap).all()
    assert np.isnan(error).all()


def test_an_autoguide_of_many_parameters_gets_one():
    """A full-rank Normal of ten dimensions has 65."""
    rng = np.random.default_rng(4)
    scale_tril = np.tril(rng.normal(size=(10, 10))) / 3 + np.eye(10)
    model = normal_model(np.ones(10), scale_tril)
    guide = autoguide.AutoMultivariateNormal(model)
    moved = scale_tril @ (np.eye(10) + 0.01 * np.tril(rng.normal(size=(10, 10))))
    params = unconstrain(guide, auto_loc=1 + 0.05 * scale_tril[0], auto_scale_tril=moved)
    gap, error = elbo_gap(model, lambda: autoguide.AutoMultivariateNormal(model), {}, **params)
    guide_normal = dist.MultivariateNormal(1 + 0.05 * scale_tril[0], scale_tril=moved)
    target = dist.MultivariateNormal(np.ones(10), scale_tril=scale_tril)
    exact = float(dist.kl_divergence(guide_normal, target))
    assert np.abs(gap.mean() - exact) < 0.05 * exact + 3 * error.mean() / np.sqrt(len(SEEDS))


def test_both_estimates_agree():
    """By the Fisher matrix for a guide written by hand, and by its base for the autoguide."""
    loc, scale = np.array([0.1, -0.05]), np.array([0.65, 0.55])
    by_hand, its_error = elbo_gap(plane, lambda: mean_field, {}, loc=loc, scale=np.log(scale))
    parts = unconstrain(autoguide.AutoDiagonalNormal(plane), auto_loc=loc, auto_scale=scale)
    gap, error = elbo_gap(plane, lambda: autoguide.AutoDiagonalNormal(plane), {}, **parts)
    combined = np.hypot(error, its_error).mean() / np.sqrt(len(SEEDS))
    # The estimated Fisher matrix adds up to 2 %.
    assert abs(gap.mean() - by_hand.mean()) < 0.02 * gap.mean() + 4 * combined
