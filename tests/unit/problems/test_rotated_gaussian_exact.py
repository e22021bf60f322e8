"""Exact facts of the rotated Gaussian against matrices written out, quadrature and draws."""

import math

import numpy as np
import pytest
from scipy import optimize

from svi_atlas.problems.rotated_gaussian import exact

MODELS = ("unconstrained", "positive")


def test_the_covariances_are_those_in_print():
    np.testing.assert_allclose(exact.COVARIANCE["unconstrained"], [[5, 4], [4, 5]], rtol=1e-14)
    np.testing.assert_allclose(exact.COVARIANCE["positive"], [[0.2, 0.16], [0.16, 0.2]], rtol=1e-14)


@pytest.mark.parametrize("model", MODELS)
def test_the_shape_gives_back_the_principal_axes(model):
    shape = exact.shape_of(exact.COVARIANCE[model])
    assert tuple(shape) == exact.SHAPE
    sd_short, sd_long = exact.PRINCIPAL_SDS[model]
    assert shape["sd_short"] == pytest.approx(sd_short)
    assert shape["sd_long"] == pytest.approx(sd_long)
    assert shape["angle_degrees"] == pytest.approx(math.degrees(exact.ANGLE))
    assert shape["var_first"] == pytest.approx((sd_short**2 + sd_long**2) / 2)
    assert shape["cov"] == pytest.approx((sd_long**2 - sd_short**2) / 2)


def test_shapes_of_many_covariances():
    many = np.stack([exact.covariance(1.0, sd_long) for sd_long in (2.0, 3.0, 4.0)])
    np.testing.assert_allclose(exact.shape_of(many)["sd_long"], [2.0, 3.0, 4.0])


@pytest.mark.parametrize("model", MODELS)
def test_log_evidence_is_the_integral(model):
    covariance = exact.COVARIANCE[model]
    assert exact.log_evidence(model) == pytest.approx(
        0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    )
    axis = np.linspace(-8, 8, 801) * math.sqrt(covariance[0, 0])
    points = np.stack(np.meshgrid(axis, axis), -1)
    exponent = np.einsum("...i,ij,...j", points, np.linalg.inv(covariance), points)
    integral = np.trapezoid(np.trapezoid(np.exp(-0.5 * exponent), axis), axis)
    assert exact.log_evidence(model) == pytest.approx(math.log(integral), abs=1e-8)


@pytest.mark.parametrize("model", MODELS)
def test_draws_have_the_covariance(model):
    draws = exact.draw(model, 20_000, seed=2)
    np.testing.assert_allclose(np.cov(draws.T) / exact.COVARIANCE[model], 1, atol=0.05)
    np.testing.assert_array_equal(draws, exact.draw(model, 20_000, seed=2))


def test_the_mean_field_optimum_minimises_the_divergence():
    covariance = exact.COVARIANCE["unconstrained"]

    def divergence(log_variances):
        diagonal = np.diag(np.exp(log_variances))
        product = np.linalg.solve(covariance, diagonal)
        return 0.5 * (np.trace(product) - 2 - np.linalg.slogdet(product)[1])

    best = optimize.minimize(divergence, np.zeros(2), tol=1e-10)
    optimum = exact.mean_field_optimum(covariance)
    np.testing.assert_allclose(np.exp(best.x), np.diag(optimum), rtol=1e-4)
    np.testing.assert_allclose(optimum, np.diag([1.8, 1.8]), atol=1e-14)
    assert exact.mean_field_kl(covariance) == pytest.approx(best.fun, abs=1e-8)
    assert exact.mean_field_kl(covariance) == pytest.approx(math.log(5 / 3))


def test_log_normal_moments_are_those_of_draws():
    mean, covariance = np.array([0.3, -1.0]), exact.covariance(0.2, 0.6)
    centre, converted = exact.log_normal_moments(mean, covariance)
    draws = mean + exact.draw("positive", 200_000, seed=4)
    draws[:, 0] = np.exp(draws[:, 0])
    np.testing.assert_allclose(draws.mean(0), centre, atol=0.01)
    np.testing.assert_allclose(np.cov(draws.T), converted, atol=0.01)


def test_log_normal_moments_of_many():
    mean, covariance = np.zeros((3, 2)), np.stack([exact.covariance(0.2, 0.6)] * 3)
    centre, converted = exact.log_normal_moments(mean, covariance)
    assert centre.shape == (3, 2)
    assert converted.shape == (3, 2, 2)
