"""A model's posterior as a function of unconstrained coordinates."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from svi_atlas.inference import posterior as module
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior


def model(data):
    scale = numpyro.sample("scale", dist.HalfNormal(2.0))
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    numpyro.sample("y", dist.Normal(mean.sum(), scale), obs=data["y"])


@pytest.fixture(scope="module")
def posterior():
    return Posterior.from_model(model, {"y": np.array([0.5, -0.3, 1.0])}, "here")


def expected(position):
    """Log density of (mean, ln scale), in NumPyro's order of the sites' names."""
    mean, log_scale = position[:2], position[2]
    prior = stats.norm.logpdf(mean).sum() + stats.halfnorm.logpdf(np.exp(log_scale), 0, 2)
    likelihood = stats.norm.logpdf([0.5, -0.3, 1.0], mean.sum(), np.exp(log_scale)).sum()
    return prior + likelihood + log_scale


def test_what_is_known_of_the_model(posterior):
    assert posterior.dim == 3
    assert posterior.shapes == {"scale": (), "mean": (2,)}
    assert posterior.coordinates == {"scale": 2}
    assert posterior.owners == ("mean", "mean", "scale")
    assert posterior.observed == 3
    assert posterior.double
    assert posterior.offset("scale") == 0
    assert posterior.offset("mean") == 1


def test_density_and_sites_at_many_positions(posterior):
    positions = np.random.default_rng(0).standard_normal((module.MIN_BATCH + 5, 3))
    log_density, sites = posterior.evaluate(positions)
    np.testing.assert_allclose(log_density[:20], [expected(row) for row in positions[:20]])
    np.testing.assert_allclose(log_density[-5:], [expected(row) for row in positions[-5:]])
    split = posterior.split(sites)
    np.testing.assert_allclose(split["scale"], np.exp(positions[:, 2]))
    np.testing.assert_allclose(split["mean"], positions[:, :2])


def test_slope_is_that_of_finite_differences(posterior):
    position = np.array([0.3, -0.4, 0.2])
    log_density, gradient = posterior.slope(position)
    assert log_density == pytest.approx(expected(position))
    small = 1e-6
    for index, step in enumerate(small * np.eye(3)):
        slope = (expected(position + step) - expected(position - step)) / (2 * small)
        assert gradient[index] == pytest.approx(slope, rel=1e-6)


def test_hessian_is_that_of_finite_differences(posterior):
    position, small = np.array([0.3, -0.4, 0.2]), 1e-5
    differences = [
        (posterior.slope(position + step)[1] - posterior.slope(position - step)[1]) / (2 * small)
        for step in small * np.eye(3)
    ]
    np.testing.assert_allclose(posterior.hessian(position), differences, rtol=1e-6, atol=1e-6)


def test_an_undefined_density_is_minus_infinity():
    def undefined(data):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("root", jnp.sqrt(x))

    posterior = Posterior.from_model(undefined, {}, "here")
    log_density, _ = posterior.evaluate(np.array([[-1.0], [1.0]]))
    assert log_density[0] == -np.inf
    assert np.isfinite(log_density[1])


def test_a_model_that_insists_on_single_precision_gets_it():
    def single(data):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        if x.dtype != jnp.float32:
            raise TypeError("single precision only")

    assert not Posterior.from_model(single, {}, "here").double


def test_dispersed_starts_are_the_same_every_time_and_far_apart(posterior):
    key = purpose_key(0, "reference")
    starts = posterior.disperse(key, 40)
    assert starts.shape == (40, 3)
    np.testing.assert_array_equal(starts, posterior.disperse(key, 40))
    assert np.abs(starts[3::4]).mean() > 5 * np.abs(starts[::4]).mean()
    assert (starts != posterior.disperse(jax.random.fold_in(key, 1), 40)).all()


def test_auxiliary_sites_are_left_out():
    def model(data):
        numpyro.sample("helper", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        numpyro.sample("x", dist.Normal(0.0, 1.0))

    assert list(Posterior.from_model(model, {}, "here").shapes) == ["x"]
