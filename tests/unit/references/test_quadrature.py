"""References by quadrature against exact answers, and what a grid refuses."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Reference
from svi_atlas.references.quadrature import integrate_posterior

KEY = purpose_key(0, "reference")


def quadrature(model, data=None):
    """The reference by quadrature, which must not be refused."""
    posterior = Posterior.from_model(model, data or {}, "here")
    reference = integrate_posterior(posterior, KEY, lambda line: None)
    assert isinstance(reference, Reference), reference
    return reference


def check_draws(reference):
    """Draws have the reference's moments within five standard errors."""
    for site, draws in reference.draws.items():
        standard = (draws - reference.mean[site]) / reference.sd[site]
        error = 1 / np.sqrt(len(draws))
        assert np.abs(standard.mean(0)).max() < 5 * error
        kurtosis = (standard**4).mean()
        assert np.abs(standard.std(0) - 1).max() < 5 * error * np.sqrt((kurtosis - 1) / 4)


def check_density(reference, site):
    grid, density = reference.density[site]
    assert (np.diff(grid) > 0).all()
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    mean = np.trapezoid(density * grid, grid)
    assert mean == pytest.approx(reference.mean[site], abs=1e-3 * reference.sd[site])


def test_coin_equals_the_beta_posterior():
    coin = problems.load("coin")
    data = coin.simulate(KEY, {"heads": 12, "tails": 8})
    reference, exact = quadrature(coin.models["headstails"], data), coin.reference(data, {})
    site = "latent_fairness"
    assert reference.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
    assert reference.mean[site] == pytest.approx(13 / 22, abs=1e-7)
    assert reference.sd[site] == pytest.approx(exact.sd[site], rel=1e-6)
    assert reference.mean[site].shape == ()
    assert reference.modes == ()
    check_draws(reference)
    check_density(reference, site)
    grid, density = reference.density[site]
    expected = np.interp(grid, *exact.density[site])
    np.testing.assert_allclose(density, expected, atol=2e-3 * density.max())


def test_rotated_gaussian_and_its_constrained_variant():
    problem = problems.load("rotated_gaussian")
    for name, model in problem.models.items():
        reference, exact = quadrature(model), problem.reference[name]({}, {})
        assert reference.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
        for site in exact.mean:
            assert reference.mean[site] == pytest.approx(exact.mean[site], abs=1e-6)
            assert reference.sd[site] == pytest.approx(exact.sd[site], rel=1e-6)
            check_density(reference, site)
        check_draws(reference)


def test_vector_site():
    covariance = np.array([[2.0, 0.9], [0.9, 0.5]])

    def model(data):
        numpyro.sample("v", dist.MultivariateNormal(jnp.array([3.0, -1.0]), covariance))

    reference = quadrature(model)
    assert reference.log_evidence == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(reference.mean["v"], [3, -1], atol=1e-6)
    np.testing.assert_allclose(reference.sd["v"], np.sqrt(np.diag(covariance)), rtol=1e-6)
    covered = np.cov(reference.draws["v"].T)
    np.testing.assert_allclose(covered, covariance, atol=5 * 2 * np.sqrt(2 / 10_000))
    assert reference.density == {}


def test_two_modes_are_reference_with_their_masses():
    def model(data):
        parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 0.5)]
        mixing = dist.Categorical(probs=jnp.array([0.3, 0.7]))
        numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

    reference = quadrature(model)
    assert reference.log_evidence == pytest.approx(0, abs=1e-6)
    assert [mode.mass for mode in reference.modes] == pytest.approx([0.7, 0.3], abs=1e-6)
    assert [mode.centre["x"] for mode in reference.modes] == pytest.approx([10, -10], abs=1e-4)
    assert reference.mean["x"] == pytest.approx(4, abs=1e-5)
    check_draws(reference)


def test_two_modes_of_the_bimodal_problem():
    problem = problems.load("bimodal")
    reference, exact = quadrature(problem.models["stable"]), problem.reference({}, {})
    assert reference.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
    assert reference.sd["x"] == pytest.approx(exact.sd["x"], rel=1e-6)
    assert [mode.mass for mode in reference.modes] == pytest.approx([0.5, 0.5], abs=1e-6)
    assert sorted(mode.centre["x"] for mode in reference.modes) == pytest.approx(
        [-3.53, 3.53], abs=0.01
    )


@pytest.mark.parametrize(
    ("prior", "sd"),
    [(dist.Laplace(1.03, 0.5), np.sqrt(0.5)), (dist.StudentT(5.0, 0.0, 3.0), np.sqrt(15))],
    ids=["kink", "heavy tail"],
)
def test_slow_convergence(prior, sd):
    reference = quadrature(lambda data: numpyro.sample("x", prior))
    assert reference.log_evidence == pytest.approx(0, abs=2e-6)
    assert reference.sd["x"] == pytest.approx(sd, rel=1e-4)


def test_a_posterior_without_a_standard_deviation_is_refused():
    def model(data):
        numpyro.sample("x", dist.Cauchy(0.0, 1.0))

    reference = integrate_posterior(Posterior.from_model(model, {}, "here"), KEY, lambda line: None)
    assert "tail is too heavy" in reference


def test_many_dimensions_are_refused():
    def model(data):
        numpyro.sample("x", dist.Normal(0.0, 1.0).expand([4]).to_event(1))

    reference = integrate_posterior(Posterior.from_model(model, {}, "here"), KEY, lambda line: None)
    assert reference == "it has 4 dimensions, more than 3"


@pytest.mark.slow
def test_quadrature_in_three_dimensions():
    """Linear regression with a scale, against the weights integrated in closed form."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    y = 1 + 2 * x + rng.normal(size=20)

    def model(data):
        weights = [numpyro.sample(name, dist.Normal(0.0, 10.0)) for name in ("a", "b")]
        scale = numpyro.sample("s", dist.HalfNormal(5.0))
        mean = weights[0] + weights[1] * data["x"]
        numpyro.sample("y", dist.Normal(mean, scale), obs=data["y"])

    reference = quadrature(model, {"x": x, "y": y})
    design = np.stack([np.ones(20), x], axis=1)
    scales = np.linspace(0.2, 8, 2000)
    logs = []
    for scale in scales:
        covariance = scale**2 * np.eye(20) + 100 * design @ design.T
        logdet = np.linalg.slogdet(2 * np.pi * covariance)[1]
        logs.append(-0.5 * (logdet + y @ np.linalg.solve(covariance, y)))
    prior = np.log(2) - 0.5 * np.log(2 * np.pi * 25) - scales**2 / 50
    joint = np.exp(np.array(logs) + prior)
    evidence = np.trapezoid(joint, scales)
    assert reference.log_evidence == pytest.approx(np.log(evidence), abs=1e-4)
    assert reference.mean["s"] == pytest.approx(
        np.trapezoid(joint * scales, scales) / evidence, rel=1e-4
    )
