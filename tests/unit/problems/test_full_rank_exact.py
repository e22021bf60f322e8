"""Exact facts of the Gaussian chain."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy import stats

from svi_atlas import problems
from svi_atlas.problems.full_rank import exact

SD = exact.standard_deviations(6)


def test_standard_deviations_are_evenly_spaced_in_the_logarithm():
    assert (SD[0], SD[-1]) == (exact.FIRST_SD, pytest.approx(exact.LAST_SD))
    np.testing.assert_allclose(np.diff(np.log(SD)), math.log(4) / 5)


def test_the_model_is_the_gaussian_with_the_exact_covariance():
    model = problems.load("full_rank").models["chain"]
    x = np.random.default_rng(0).standard_normal(6)
    value, _ = log_density(model, ({"scale": jnp.asarray(SD)},), {}, {"x": jnp.asarray(x)})
    expected = stats.multivariate_normal(cov=exact.covariance(SD)).logpdf(x)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_draws_have_the_covariance():
    draws = exact.draw(SD, 50_000, seed=1)
    np.testing.assert_allclose(np.cov(draws.T) / exact.covariance(SD), 1, atol=0.05)


def test_the_covariance_is_autoregressive():
    distance = np.abs(np.subtract.outer(np.arange(6), np.arange(6)))
    np.testing.assert_allclose(exact.covariance(SD), 0.8**distance * np.outer(SD, SD))
