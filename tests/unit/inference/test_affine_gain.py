"""What affine changes of a guide's base gain, against closed forms and exact Kullback-Leibler divergences."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from autoguide_params import first_params, normal_model, unconstrain
from numpyro.distributions import transforms
from numpyro.infer import autoguide

from svi_atlas import problems
from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.affine_gain import affine_gain, count_gap_parameters, estimate_gain
from svi_atlas.inference.parameters import fitted_guide
from svi_atlas.inference.standard_base import StandardBase

rng = np.random.default_rng(17)


def base(kind, dim, covariance_parts=None):
    def identity(x):
        return x, jnp.zeros(())

    return StandardBase(kind, dim, identity, identity, covariance_parts)


def gains(base, mean, covariance, runs, draws):
    """Estimates where the posterior in the base is that Normal, as float64 arrays (run,)."""
    precision = np.linalg.inv(covariance)
    noise = rng.normal(size=(runs, draws, base.dim))
    gradient = noise - (noise - mean) @ precision
    arrays = (jnp.asarray(values, jnp.float32) for values in (noise, gradient, gradient))
    gain = jax.jit(jax.vmap(lambda *arrays: affine_gain(base, *arrays)))(*arrays)
    return jax.tree.map(lambda values: np.asarray(values, float), gain)


def assert_unbiased(estimate, error, expected):
    """The mean is right, and so is the error, which is on the safe side where it is largest."""
    spread = estimate.std()
    assert abs(estimate.mean() - expected) < 4 * spread / np.sqrt(len(estimate)) + 1e-6 * expected
    assert 0.8 < np.sqrt((error**2).mean()) / spread < 1.5


def second_order(mean, covariance):
    """(|u|^2 / 2, M) of a Normal posterior."""
    precision = np.linalg.inv(covariance)
    slope = precision @ mean
    return slope @ slope / 2, np.eye(len(mean)) - precision


def kl_from_standard(mean, covariance):
    """KL divergence of N(0, I) from N(mean, covariance), nats."""
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    return (np.trace(precision) + mean @ precision @ mean - len(mean) + log_det) / 2


def near_standard(dim, size):
    """Mean and covariance matrix at about that distance from N(0, I), with correlations."""
    change = rng.normal(size=(dim, dim)) * size / np.sqrt(dim)
    return rng.normal(size=dim) * size / np.sqrt(dim), np.eye(dim) + change + change.T


@pytest.mark.parametrize("kind", ["full_rank", "flow"])
@pytest.mark.parametrize(("dim", "runs"), [(1, 400), (3, 400), (10, 400), (50, 100)])
def test_a_normal_near_its_optimum(kind, dim, runs):
    mean, covariance = near_standard(dim, 0.04)
    shift, curvature = second_order(mean, covariance)
    expected = shift + (curvature**2).sum() / 4
    assert expected == pytest.approx(kl_from_standard(mean, covariance), rel=0.1)
    gain = gains(base(kind, dim), mean, covariance, runs, 1000)
    assert_unbiased(gain.within, gain.within_se, expected)
    assert (gain.beyond == 0).all()
    assert (gain.beyond_se == 0).all()


@pytest.mark.parametrize("dim", [1, 10])
def test_nothing_is_gained_where_the_guide_is_the_posterior(dim):
    gain = gains(base("full_rank", dim), np.zeros(dim), np.eye(dim), 20, 1000)
    assert (np.abs(gain.within) < 1e-9).all()


@pytest.mark.parametrize("dim", [2, 10])
def test_mean_field_at_its_optimum_and_away_from_it(dim):
    """At the optimum the precisions have the diagonal 1, and correlations are what others would gain."""
    root = rng.normal(size=(dim, 2 * dim))
    precision = root @ root.T
    precision /= np.sqrt(np.outer(np.diag(precision), np.diag(precision)))
    covariance = np.linalg.inv(precision)
    correlations = ((precision - np.eye(dim)) ** 2).sum() / 4
    gain = gains(base("mean_field", dim), np.zeros(dim), covariance, 400, 1000)
    assert_unbiased(gain.within, gain.within_se, 0.0)
    assert_unbiased(gain.beyond, gain.beyond_se, correlations)
    mean = rng.normal(size=dim) * 0.1
    gain = gains(base("mean_field", dim), mean, covariance, 400, 1000)
    assert_unbiased(gain.within, gain.within_se, second_order(mean, covariance)[0])
    assert_unbiased(gain.beyond, gain.beyond_se, correlations)


def low_rank_base(factor, diagonal):
    inverse = np.linalg.inv(np.linalg.cholesky(factor @ factor.T + np.diag(diagonal)))
    parts = (jnp.asarray(inverse @ factor, jnp.float32), jnp.asarray(inverse, jnp.float32))
    return base("low_rank", len(diagonal), parts)


@pytest.mark.parametrize(("dim", "rank"), [(4, 1), (6, 2), (6, 4)])
def test_low_rank_reaches_the_tangent_space_of_its_covariance_matrices(dim, rank):
    """The tangent space here: changes of F F' + D by each of its parameters."""
    factor, diagonal = rng.normal(size=(dim, rank)), rng.uniform(0.5, 2.0, dim)
    low_rank = low_rank_base(factor, diagonal)
    whiten = np.asarray(low_rank.covariance_parts[1], float)
    units = np.eye(dim * rank).reshape(-1, dim, rank)
    changes = [unit @ factor.T + factor @ unit.T for unit in units]
    changes += [np.diag(unit) for unit in np.eye(dim)]
    tangents = np.array([(whiten @ change @ whiten.T).ravel() for change in changes]).T
    mean, covariance = near_standard(dim, 0.3)
    shift, curvature = second_order(mean, covariance)
    reached = tangents @ np.linalg.lstsq(tangents, curvature.ravel(), rcond=1e-10)[0]
    gain = gains(low_rank, mean, covariance, 400, 1000)
    assert_unbiased(gain.within, gain.within_se, shift + (reached**2).sum() / 4)
    outside = curvature.ravel() - reached
    if np.linalg.matrix_rank(tangents) < dim * (dim + 1) // 2:
        assert_unbiased(gain.beyond, gain.beyond_se, (outside**2).sum() / 4)
    else:
        assert (np.abs(gain.beyond) < 1e-6).all()


def test_low_rank_without_its_factor_is_mean_field_and_with_a_full_one_full_rank():
    mean, covariance = near_standard(2, 0.2)
    draws = [jnp.asarray(rng.normal(size=(500, 2)), jnp.float32)]
    draws += [draws[0] - (draws[0] - mean) @ np.linalg.inv(covariance)] * 2

    def split(kind):
        return np.array(jax.jit(lambda *draws: affine_gain(kind, *draws))(*draws)[:4])

    none = low_rank_base(np.zeros((2, 1)), np.array([0.5, 2.0]))
    np.testing.assert_allclose(split(none), split(base("mean_field", 2)), rtol=1e-3, atol=1e-6)
    full = low_rank_base(np.array([[1.0, 0.3], [0.2, 0.7]]), np.array([0.5, 2.0]))
    np.testing.assert_allclose(split(full), split(base("full_rank", 2)), rtol=1e-3, atol=1e-4)


def test_draws_without_finite_gradients_are_left_out():
    mean, covariance = near_standard(3, 0.2)
    noise = jnp.asarray(rng.normal(size=(1000, 3)), jnp.float32)
    gradient = noise - (noise - mean) @ np.linalg.inv(covariance)
    gain_of = jax.jit(lambda *draws: affine_gain(base("mean_field", 3), *draws))
    kept = gain_of(noise[8:], gradient[8:], gradient[8:])
    gain = gain_of(noise, gradient.at[:8, 0].set(jnp.nan), gradient)
    # Errors come from pairs of neighbours, of which a few differ.
    np.testing.assert_allclose(gain[:5], kept[:5], rtol=1e-2, atol=1e-5)
    np.testing.assert_allclose(gain.within, kept.within, rtol=1e-4)
    too_many = gain_of(noise, gradient.at[:11].set(jnp.inf), gradient)
    assert np.isnan(too_many[:5]).all()


def test_the_scale_of_the_gradients():
    noise = jnp.asarray(rng.normal(size=(4000, 3)), jnp.float32)
    gain = affine_gain(base("full_rank", 3), noise, 0 * noise, noise * jnp.array([1.0, 1e-3, 20.0]))
    assert gain.gradient_scale == pytest.approx(2e4, rel=4 / np.sqrt(4000))


def estimator(model, make_guide, num_draws=2000, at_once=None):
    """A compiled function from unconstrained parameters, and data, to the AffineGain of one fit."""

    @jax.jit
    def estimate(unconstrained, data):
        key = jax.random.PRNGKey(3)
        return estimate_gain(model, make_guide, data, unconstrained, key, num_draws, at_once)

    @accelerated()
    def gain_at(unconstrained, data=None):
        return estimate(unconstrained, {k: jnp.asarray(v) for k, v in (data or {}).items()})

    return gain_at


def test_sites_with_constraints():
    """A posterior that is standard Normal in unconstrained coordinates, five of them."""

    def warped(data):
        two = dist.Normal(jnp.zeros(2), 1.0).to_event(1)
        numpyro.sample("rate", dist.LogNormal(0.0, 1.0))
        numpyro.sample(
            "share", dist.TransformedDistribution(two, transforms.StickBreakingTransform())
        )
        numpyro.sample("cut", dist.TransformedDistribution(two, transforms.OrderedTransform()))

    def make_guide():
        return autoguide.AutoMultivariateNormal(warped)

    gain_at = estimator(warped, make_guide)
    exact = unconstrain(make_guide(), auto_loc=np.zeros(5), auto_scale_tril=np.eye(5))
    assert abs(gain_at(exact).within) < 1e-6
    moved = gain_at(exact | {"auto_loc": jnp.array([0.1, 0.0, -0.2, 0.3, 0.1])})
    np.testing.assert_allclose(moved.within, 0.15 / 2, rtol=1e-3)
    np.testing.assert_allclose(moved.gradient_scale, 1.0, atol=0.2)


def test_both_autoguides_without_correlations_are_the_same():
    covariance = np.array([[1.0, 0.6], [0.6, 4.0]])
    model = normal_model([1.0, -1.0], np.linalg.cholesky(covariance))
    values = (np.array([1.2, -1.0]), np.array([0.7, 1.7]))
    gains = []
    for guide, names in (
        (autoguide.AutoNormal, ("x_auto_loc", "x_auto_scale")),
        (autoguide.AutoDiagonalNormal, ("auto_loc", "auto_scale")),
    ):
        params = unconstrain(guide(model), **dict(zip(names, values, strict=True)))
        gains.append(estimator(model, lambda guide=guide: guide(model))(params))
    np.testing.assert_allclose(gains[0], gains[1], rtol=1e-4, atol=1e-6)
    precision = np.diag(values[1]) @ np.linalg.inv(covariance) @ np.diag(values[1])
    assert abs(gains[0].beyond - precision[0, 1] ** 2 / 2) < 4 * gains[0].beyond_se


def test_a_flow_whose_posterior_is_the_flow_of_another_normal():
    def flat(data):
        numpyro.sample("x", dist.Normal(jnp.zeros(3), 1.0).to_event(1))

    guide = autoguide.AutoIAFNormal(flat)
    unconstrained, params = first_params(flat, guide)
    flow = numpyro.handlers.substitute(guide._get_posterior, params)().transforms

    def model(data):
        normal = dist.Normal(data["shift"], 1.0).expand([3]).to_event(1)
        numpyro.sample("x", dist.TransformedDistribution(normal, flow))

    gain_at = estimator(model, lambda: autoguide.AutoIAFNormal(model), num_draws=200)
    for shift in (0.0, 0.1):
        gain = gain_at(unconstrained, {"shift": shift})
        np.testing.assert_allclose(gain.within, 3 * shift**2 / 2, rtol=1e-3, atol=1e-6)
        assert gain.beyond == 0


def test_a_block_neural_flow_before_its_first_step():
    def model(data):
        numpyro.sample("x", dist.Normal(data["loc"], 1.0).to_event(1))

    def make_guide():
        return autoguide.AutoBNAFNormal(model, hidden_factors=[2])

    data = {"loc": jnp.zeros(2)}
    unconstrained, _ = first_params(model, make_guide(), data)
    gain_at = estimator(model, make_guide)
    near, far = gain_at(unconstrained, data), gain_at(unconstrained, {"loc": jnp.full(2, 3.0)})
    assert np.isfinite(near).all()
    assert 0 < near.within < far.within
    fit = fitted_guide(model, make_guide, data, unconstrained)
    assert count_gap_parameters(fit, unconstrained) == 5


def test_draws_in_parts():
    model = normal_model(np.zeros(3), np.eye(3))

    def make_guide():
        return autoguide.AutoDiagonalNormal(model)

    params = unconstrain(make_guide(), auto_loc=np.ones(3), auto_scale=np.ones(3))
    whole, parts = (
        estimator(model, make_guide, num_draws=100, at_once=at_once)(params)
        for at_once in (None, 7)
    )
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-7)
    assert count_gap_parameters(fitted_guide(model, make_guide, {}, params), params) == 6


def test_guides_by_hand_have_no_base():
    coin = problems.load("coin")
    guide, data = coin.guides["beta"], coin.simulate(None, {"heads": 1, "tails": 2})
    params = {"alpha_q": jnp.float32(1.0), "beta_q": jnp.float32(1.0)}
    assert estimator(coin.models["headstails"], lambda: guide)(params, data) is None
