"""Laplace approximations: exact ones, and why others are not usable."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import laplace_models as models
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.inference.climb import Curvature, climb
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.laplace import (
    MAX_DIM,
    Laplace,
    approximate_models,
    find_laplace,
    from_dataset,
    to_dataset,
)
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Problem
from svi_atlas.results import store

KEY = purpose_key(0, "laplace")


def approximate(model, data=None, report=lambda line: None):
    return find_laplace(Posterior.from_model(model, data or {}, "here"), KEY, report)


def assert_same_covariance(scale_tril, covariance, tolerance):
    """In units of the standard deviations of `covariance`."""
    white = np.linalg.solve(np.linalg.cholesky(covariance), scale_tril)
    np.testing.assert_allclose(white @ white.T, np.eye(len(white)), atol=tolerance)


def test_of_a_normal_posterior_it_is_the_posterior():
    lines = []
    laplace = approximate(models.linear, report=lines.append)
    assert laplace.usable
    np.testing.assert_allclose(laplace.mode, models.LINEAR_MEAN, rtol=1e-8)
    np.testing.assert_array_equal(laplace.scale_tril, np.tril(laplace.scale_tril))
    assert_same_covariance(laplace.scale_tril, models.LINEAR_COVARIANCE, 1e-6)
    np.testing.assert_array_equal(laplace.modes, laplace.mode[None])
    top = -0.5 * np.linalg.slogdet(2 * np.pi * models.LINEAR_COVARIANCE)[1]
    np.testing.assert_allclose(laplace.log_densities, [top])
    assert lines == ["16 of 16 climbs arrived at a mode"]


def test_a_regression_on_raw_predictors_is_solved_exactly():
    data = models.regression_data()
    laplace = approximate(models.regression, data)
    precision = data["x"].T @ data["x"] / 0.8**2 + np.eye(3) / 100**2
    assert np.linalg.cond(precision) > 1e10
    mean = np.linalg.solve(precision, data["x"].T @ data["y"] / 0.8**2)
    error = laplace.mode - mean
    assert error @ precision @ error < 1e-6
    white = laplace.scale_tril.T @ precision @ laplace.scale_tril
    np.testing.assert_allclose(white, np.eye(3), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (models.logistic, models.logistic_data()),
        (models.autoregression, models.autoregression_data()),
        (models.ordered_mixture, models.mixture_data()),
        (models.non_centred_schools, models.SCHOOLS),
    ],
    ids=["logistic", "autoregression", "mixture", "schools"],
)
def test_everyday_posteriors_have_one_mode_with_a_usable_curvature(model, data):
    posterior = Posterior.from_model(model, data, "here")
    laplace = find_laplace(posterior, KEY, lambda line: None)
    assert laplace.why == ""
    assert len(laplace.modes) == 1
    gradient = laplace.scale_tril.T @ posterior.slope(laplace.mode)[1]
    assert np.abs(gradient).max() < 1e-4, "per standard deviation"
    white = -laplace.scale_tril.T @ posterior.hessian(laplace.mode) @ laplace.scale_tril
    np.testing.assert_allclose(white, np.eye(posterior.dim), atol=1e-5)


@pytest.mark.parametrize(
    ("model", "data", "words"),
    [
        (models.centred_schools, models.SCHOOLS, "rises without bound as site 'tau' goes to 0"),
        (models.separated, {}, "along site 'slope' it does not fall in one standard deviation"),
        (models.funnel, {}, "changes within a standard deviation, most with site 'v' (a funnel)"),
        (models.only_the_sum, {}, "flat in a direction of site 'a'"),
        (models.kink, {}, "no step leads higher although the gradient is not zero"),
        (models.flat_top, {}, "along site 'x' it falls by"),
    ],
    ids=["schools", "separated", "funnel", "sum", "kink", "flat top"],
)
def test_why_it_is_not_usable(model, data, words):
    laplace = approximate(model, data)
    assert not laplace.usable
    assert words in laplace.why
    assert np.isnan(laplace.scale_tril).all()


def test_all_modes_are_found_the_highest_first():
    laplace = approximate(models.two_modes)
    np.testing.assert_allclose(laplace.modes, [[3.0], [-3.0]], atol=1e-3)
    assert laplace.mode == laplace.modes[0]
    assert np.diff(laplace.log_densities) == pytest.approx(np.log(0.3 * 0.5 / 0.7), abs=1e-3)
    assert laplace.scale_tril == pytest.approx(0.5, rel=1e-3)


def test_no_hessian_of_very_many_dimensions():
    def wide(data):
        numpyro.sample("x", dist.Normal(0, 1).expand([MAX_DIM + 1]))

    assert approximate(wide).why == "501 dimensions, and no Hessian is computed beyond 500"


def test_a_density_that_is_zero_everywhere():
    posterior = Posterior.from_model(models.linear, {}, "here")
    nowhere = replace(posterior, _log_density=lambda position: -jnp.inf + 0 * position.sum())
    laplace = find_laplace(nowhere, KEY, lambda line: None)
    assert laplace.why == "the density is zero or undefined at all of 400 starts"


def test_a_model_without_second_derivatives():
    @jax.custom_vjp
    def square(x):
        return x**2

    def backward(x, slope):
        return (slope * jax.pure_callback(lambda x: 2 * x, jax.typeof(x), x),)

    square.defvjp(lambda x: (x**2, x), backward)

    def model(data):
        numpyro.factor("square", -square(numpyro.sample("x", dist.Normal(0, 1))))

    assert approximate(model).why.startswith("no Hessian can be computed: ValueError: ")


def test_a_model_in_single_precision():
    def single(data):
        x = numpyro.sample("x", dist.Normal(jnp.array([1.0, -200.0]), jnp.array([0.1, 30.0])))
        if x.dtype != jnp.float32:
            raise TypeError("single precision only")

    laplace = approximate(single)
    assert laplace.usable
    np.testing.assert_allclose(laplace.mode, [1.0, -200.0], rtol=1e-3)
    np.testing.assert_allclose(laplace.scale_tril, np.diag([0.1, 30.0]), rtol=1e-3, atol=1e-3)


def test_models_without_a_density_are_not_usable_and_others_are(tmp_path):
    problem = Problem(
        "mine",
        "here",
        lambda key, settings: {},
        {"bad": models.discrete, "good": models.linear},
        {},
    )
    lines = []
    found = approximate_models(problem, ["good", "bad"], {}, lines.append)
    assert "latent site 'k' is discrete" in found["bad"].why
    assert "good: the Laplace approximation is usable" in lines
    path = tmp_path / "laplace.nc"
    store.write_datasets({name: to_dataset(one) for name, one in found.items()}, path, "{}")
    for name, laplace in found.items():
        with store.read_dataset(path, name) as dataset:
            assert dataset.attrs["usable"] == ("yes" if laplace.usable else "no")
            read = from_dataset(dataset)
        assert read.why == laplace.why
        for field in ("mode", "scale_tril", "modes", "log_densities"):
            np.testing.assert_array_equal(getattr(read, field), getattr(laplace, field))


def test_a_climb_far_from_the_mode_on_very_different_scales():
    posterior = Posterior.from_model(models.regression, models.regression_data(), "here")
    end = climb(posterior, np.array([300.0, -50.0, 40.0]))
    assert end.arrived
    assert end.height == pytest.approx(climb(posterior, np.zeros(3)).height, abs=1e-6)


def test_curvature_in_coordinates_of_equal_scale():
    curvature = Curvature.of(-np.linalg.inv(models.LINEAR_COVARIANCE))
    np.testing.assert_allclose(np.diagonal(curvature.scaled), 1.0)
    assert_same_covariance(curvature.scale_tril(), models.LINEAR_COVARIANCE, 1e-6)
    step = models.LINEAR_MAP @ np.array([2.0, -1.0, 2.0])
    assert curvature.distance(step) == pytest.approx(3.0)
    gradient = np.linalg.solve(models.LINEAR_COVARIANCE, step)
    np.testing.assert_allclose(curvature.solve(gradient, 0.0), step, rtol=1e-6)
    assert Curvature.of(np.diag([-1.0, 0.0])).solve(np.ones(2), 0.0) is None


def test_one_that_is_not_usable_has_no_numbers():
    laplace = Laplace.unusable("why not", 2)
    assert not laplace.usable
    assert np.isnan(laplace.mode).all()
    assert laplace.modes.shape == (0, 2)
