"""Exact facts of the bimodal density against quadrature in two dimensions and against draws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from svi_atlas.problems.bimodal import exact, model

AXIS = np.linspace(-exact.HALF_BOX, exact.HALF_BOX, 1601)


@pytest.fixture(scope="module")
def density():
    return np.exp(exact.log_density(*np.meshgrid(AXIS, AXIS)))


def _integral(values):
    return np.trapezoid(np.trapezoid(values, AXIS), AXIS)


def test_the_density_is_that_of_the_model():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-exact.HALF_BOX, exact.HALF_BOX, (2, 100))
    with jax.enable_x64(True):
        expected = model.log_density(jnp.asarray(x), jnp.asarray(y))
        naive = model.log_density_naive(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(exact.log_density(x, y), expected, rtol=1e-12)
    near = np.isfinite(naive)
    assert near.any()
    np.testing.assert_allclose(exact.log_density(x, y)[near], naive[near], rtol=1e-9)


def test_evidence_and_standard_deviation_are_those_of_the_density(density):
    evidence = _integral(density) / (2 * exact.HALF_BOX) ** 2
    assert exact.log_evidence() == pytest.approx(math.log(evidence), abs=1e-4)
    square = _integral(density * AXIS**2) / _integral(density)
    assert exact.standard_deviation() == pytest.approx(math.sqrt(square), abs=1e-3)


def test_draws_are_inside_and_have_the_moments():
    x, y = exact.draw(10_000, seed=3)
    assert len(x) == len(y) == 10_000
    assert max(np.abs(x).max(), np.abs(y).max()) < exact.HALF_BOX
    for values in (x, y):
        assert values.mean() == pytest.approx(0, abs=5 * exact.standard_deviation() / 100)
        assert values.std() == pytest.approx(exact.standard_deviation(), rel=0.05)
    assert (x + y > 0).mean() == pytest.approx(0.5, abs=0.025)
    np.testing.assert_array_equal(x, exact.draw(10_000, seed=3)[0])


def _mixture_loss_by_draws(sig2, num_draws=200_000):
    """Loss of the equal mixture of Normals at its exact modes, and its standard error (nats)."""
    rng = np.random.default_rng(5)
    u1 = rng.choice([-exact.B, exact.B], num_draws) + exact.SIGMA1 * rng.standard_normal(num_draws)
    u2 = sig2 * rng.standard_normal(num_draws)
    log_target = exact.log_density((u1 + u2) / math.sqrt(2), (u1 - u2) / math.sqrt(2))
    modes = np.logaddexp(
        -0.5 * ((u1 - exact.B) / exact.SIGMA1) ** 2, -0.5 * ((u1 + exact.B) / exact.SIGMA1) ** 2
    )
    log_guide = modes - math.log(2 * exact.SIGMA1 * math.sqrt(2 * math.pi))
    log_guide += -0.5 * (u2 / sig2) ** 2 - math.log(sig2 * math.sqrt(2 * math.pi))
    loss = log_guide - log_target + math.log((2 * exact.HALF_BOX) ** 2)
    return loss.mean(), loss.std() / math.sqrt(num_draws)


def test_the_mixture_optimum_has_the_loss_of_its_draws_and_is_a_minimum():
    sig2, loss = exact.normal_mixture_optimum()
    by_draws, error = _mixture_loss_by_draws(sig2)
    assert loss == pytest.approx(by_draws, abs=5 * error)
    assert loss > -exact.log_evidence()
    for other in (0.8 * sig2, 1.25 * sig2):
        assert _mixture_loss_by_draws(other)[0] > by_draws


def test_one_mode_costs_ln_2():
    assert exact.one_mode_optimum() - exact.normal_mixture_optimum()[1] == pytest.approx(
        math.log(2)
    )


def test_a_full_covariance_is_better_than_a_diagonal_one_and_both_miss_a_mode():
    full, diagonal = map(exact.single_normal_optimum, (True, False))
    assert -exact.log_evidence() + math.log(2) < full < diagonal
    # The axes of the mode are turned by 45 degrees, so that the diagonal Normal is as narrow as the
    # mode in both directions.
    assert diagonal - full > 0.5


def test_kl_of_weight():
    assert exact.kl_of_weight(0.5) == pytest.approx(0)
    assert exact.kl_of_weight(1 - 1e-12) == pytest.approx(math.log(2), abs=1e-9)
    minimum = optimize.minimize_scalar(exact.kl_of_weight, bounds=(0.01, 0.99), method="bounded")
    assert minimum.x == pytest.approx(0.5, abs=1e-5)
