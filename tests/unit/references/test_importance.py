"""References by importance sampling against closed forms: evidences, means and sds."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from svi_atlas.references.importance import sample_about_mode


def sample(log_density, start, num_points=20_000):
    return sample_about_mode(log_density, np.asarray(start, float), num_points, batch_size=5000)


def test_a_gaussian_of_known_evidence():
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]])
    precision = np.linalg.inv(covariance)
    mean = np.array([3.0, -7.0])

    def height(x):
        return 2.5 - 0.5 * (x - mean) @ precision @ (x - mean)

    sampled = sample(height, [0.0, 0.0])
    exact = 2.5 + 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    error = np.sqrt((1 / sampled.effective_share - 1) / len(sampled.weights))
    assert sampled.log_evidence == pytest.approx(exact, abs=5 * error)
    centre, sd, centre_se, sd_se = sampled.moments(sampled.points)
    assert (np.abs(centre - mean) < 5 * centre_se).all()
    assert (np.abs(sd - np.sqrt(np.diag(covariance))) < 5 * sd_se).all()
    assert sampled.unreliable == ""


def test_a_skewed_density_of_known_evidence():
    """ln X of a Gamma(3): mean digamma(3), sd the root of trigamma(3), density without a constant."""
    sampled = sample(lambda x: (3 * x - jnp.exp(x))[0], [2.0])
    error = np.sqrt((1 / sampled.effective_share - 1) / len(sampled.weights))
    assert sampled.log_evidence == pytest.approx(special.gammaln(3), abs=5 * error)
    centre, sd, centre_se, sd_se = sampled.moments(sampled.points[:, 0])
    assert abs(centre - special.digamma(3)) < 5 * centre_se
    assert abs(sd - np.sqrt(special.polygamma(1, 3))) < 5 * sd_se
    chosen = sampled.points[sampled.resample(4000, np.random.default_rng(0)), 0]
    assert chosen.mean() == pytest.approx(special.digamma(3), abs=5 * sd / np.sqrt(4000))


def test_two_modes_are_unreliable():
    def height(x):
        return jnp.logaddexp(-0.5 * ((x + 30) ** 2), -0.5 * ((x - 3) / 20) ** 2)[0]

    assert "far from Gaussian" in sample(height, [-29.0]).unreliable


def test_a_flat_density_has_no_mode():
    with pytest.raises(RuntimeError, match="was not found in 100 Newton steps"):
        sample(lambda x: x[0], [0.0])
