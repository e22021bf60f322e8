"""References by importance sampling against closed forms: evidences, means and sds."""

import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy import special, stats

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.problems import hierarchical_regression
from svi_atlas.references import importance as _importance
from svi_atlas.references.posterior import Posterior
from svi_atlas.references.quadrature import by_quadrature


def found(log_density, start, num_points=20_000):
    return _importance.about_mode(log_density, np.asarray(start, float), num_points, at_once=5000)


def test_a_gaussian_of_known_evidence():
    covariance = np.array([[4.0, 1.5], [1.5, 1.0]])
    precision = np.linalg.inv(covariance)
    mean = np.array([3.0, -7.0])

    def height(x):
        return 2.5 - 0.5 * (x - mean) @ precision @ (x - mean)

    sampled = found(height, [0.0, 0.0])
    exact = 2.5 + 0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1]
    error = np.sqrt((1 / sampled.share - 1) / len(sampled.weights))
    assert sampled.log_evidence == pytest.approx(exact, abs=5 * error)
    centre, sd, centre_se, sd_se = sampled.moments(sampled.points)
    assert (np.abs(centre - mean) < 5 * centre_se).all()
    assert (np.abs(sd - np.sqrt(np.diag(covariance))) < 5 * sd_se).all()
    assert sampled.unreliable == ""


def test_a_skewed_density_of_known_evidence():
    """ln X of a Gamma(3): mean digamma(3), sd the root of trigamma(3), density without a constant."""
    sampled = found(lambda x: (3 * x - jnp.exp(x))[0], [2.0])
    error = np.sqrt((1 / sampled.share - 1) / len(sampled.weights))
    assert sampled.log_evidence == pytest.approx(special.gammaln(3), abs=5 * error)
    centre, sd, centre_se, sd_se = sampled.moments(sampled.points[:, 0])
    assert abs(centre - special.digamma(3)) < 5 * centre_se
    assert abs(sd - np.sqrt(special.polygamma(1, 3))) < 5 * sd_se
    chosen = sampled.points[sampled.resampled(4000, np.random.default_rng(0)), 0]
    assert chosen.mean() == pytest.approx(special.digamma(3), abs=5 * sd / np.sqrt(4000))


def test_two_modes_are_unreliable():
    def height(x):
        return jnp.logaddexp(-0.5 * ((x + 30) ** 2), -0.5 * ((x - 3) / 20) ** 2)[0]

    assert "far from Gaussian" in found(height, [-29.0]).unreliable


def test_lines_are_integrated_out():
    """The marginal density equals that of each group's observations as one multivariate Normal."""
    problem = problems.load("hierarchical_regression")
    data = problem.simulate(purpose_key(0, "data"), {"groups": 3, "observations": 4})
    mean, spread, noise = np.array([0.4, -0.2]), np.array([0.6, 0.3]), 0.8
    expected = stats.norm.logpdf(mean).sum() + stats.halfnorm.logpdf([*spread, noise]).sum()
    expected += np.log([*spread, noise]).sum()  # of the logarithms that are the coordinates
    for x, y in zip(*(np.asarray(data[name], float) for name in ("x", "y")), strict=True):
        design = np.stack([np.ones_like(x), x], 1)
        covariance = design @ np.diag(spread**2) @ design.T + noise**2 * np.eye(len(x))
        expected += stats.multivariate_normal.logpdf(y, design @ mean, covariance)
    position = jnp.array([*mean, *np.log([*spread, noise])])
    height = hierarchical_regression._log_density(position, hierarchical_regression._sums(data), 4)
    assert float(height) == pytest.approx(expected, rel=1e-5)


def test_evidence_of_all_rows_equals_quadrature():
    problem = problems.load("logistic_regression")
    settings = {"rows": 1500, "columns": 2}
    data = problem.simulate(purpose_key(0, "data"), settings)
    reference = problem.reference(data, settings)
    posterior = Posterior.of(problem.models["minibatches"], data, "here")
    exact = by_quadrature(posterior, purpose_key(0, "q"), lambda line: None)
    assert reference.log_evidence == pytest.approx(exact.log_evidence, abs=0.03)
    for name, error in (("mean", "mean_se"), ("sd", "sd_se")):
        sampled, known = (getattr(each, name)["weights"] for each in (reference, exact))
        assert (np.abs(sampled - known) < 5 * getattr(reference, error)["weights"]).all()


def test_the_chain_is_a_normalised_gaussian():
    problem = problems.load("full_rank")
    data = problem.simulate(None, {"dimensions": 5})
    scale = np.asarray(data["scale"], float)
    distance = np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    covariance = 0.8**distance * np.outer(scale, scale)
    x = np.array([0.3, -0.5, 1.0, 0.2, -2.0])
    height, _ = log_density(problem.models["chain"], (data,), {}, {"x": jnp.asarray(x)})
    expected = stats.multivariate_normal.logpdf(x, np.zeros(5), covariance)
    assert float(height) == pytest.approx(expected, rel=1e-5)
