"""Local maxima of a posterior."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.inference.posterior import Posterior
from svi_atlas.references.optima import LocalMaximum, find_maxima

STARTS = np.linspace(-20.0, 20.0, 9)[:, None]


def posterior_of(distribution):
    return Posterior.from_model(lambda data: numpyro.sample("x", distribution), {}, "here")


def test_each_mode_is_found_once_the_highest_first():
    mixing = dist.Categorical(probs=jnp.array([0.3, 0.7]))
    parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 0.5)]
    maxima = find_maxima(posterior_of(dist.MixtureGeneral(mixing, parts)), STARTS)
    assert [m.position[0] for m in maxima] == pytest.approx([10, -10], abs=1e-3)
    assert [m.covariance[0, 0] for m in maxima] == pytest.approx([0.25, 1.0], rel=0.3)
    assert [np.exp(m.log_mass) for m in maxima] == pytest.approx([0.7, 0.3], rel=0.2)


def test_a_kink_has_a_width():
    (maximum,) = find_maxima(posterior_of(dist.Laplace(1.0, 2.0)), STARTS)
    assert maximum.position[0] == pytest.approx(1, abs=1e-3)
    assert np.sqrt(maximum.covariance[0, 0]) == pytest.approx(1.0, rel=0.15), "half of the scale"


def test_axes_of_a_correlated_gaussian():
    covariance = np.array([[5.0, 4.0], [4.0, 5.0]])
    posterior = posterior_of(dist.MultivariateNormal(jnp.zeros(2), covariance))
    (maximum,) = find_maxima(posterior, np.random.default_rng(0).standard_normal((5, 2)))
    np.testing.assert_allclose(maximum.covariance, covariance, rtol=0.3)


def test_log_mass_is_that_of_a_gaussian():
    assert LocalMaximum(np.zeros(1), 0.0, np.array([[4.0]])).log_mass == pytest.approx(
        0.5 * np.log(2 * np.pi * 4)
    )
