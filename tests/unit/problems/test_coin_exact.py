"""Exact facts of the coin against quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

from svi_atlas.problems.coin import exact

FAIRNESS = np.linspace(0, 1, 20_001)[1:-1]


@pytest.mark.parametrize(("heads", "tails"), [(12, 8), (0, 0), (3, 0), (0, 5)])
def test_evidence_and_posterior_are_those_of_the_likelihood(heads, tails):
    def likelihood(fairness):
        return fairness**heads * (1 - fairness) ** tails

    evidence, _ = integrate.quad(likelihood, 0, 1)
    assert exact.log_evidence(heads, tails) == pytest.approx(np.log(evidence))
    density = stats.beta.pdf(FAIRNESS, *exact.posterior(heads, tails))
    np.testing.assert_allclose(density, likelihood(FAIRNESS) / evidence, rtol=1e-9)


@pytest.mark.parametrize(("a", "b"), [(13.0, 9.0), (10.0, 10.0), (2.5, 1.2)])
def test_kl_between_betas_is_the_integral(a, b):
    guide, target = stats.beta(a, b), stats.beta(13.0, 9.0)

    def integrand(fairness):
        return guide.pdf(fairness) * (guide.logpdf(fairness) - target.logpdf(fairness))

    value, _ = integrate.quad(integrand, 0, 1)
    assert exact.kl_between_betas(a, b, 13.0, 9.0) == pytest.approx(value, abs=1e-9)


def test_kl_between_betas_takes_arrays():
    a, b = np.array([13.0, 10.0]), np.array([9.0, 10.0])
    both = exact.kl_between_betas(a, b, 13.0, 9.0)
    assert both[0] == 0
    assert both[1] == exact.kl_between_betas(10.0, 10.0, 13.0, 9.0) > 0


def test_elbo_by_draws_is_the_log_evidence_minus_the_kl():
    a, b = np.array([10.0, 13.0, 20.0]), np.array([10.0, 9.0, 12.0])
    elbo, se = exact.elbo_by_draws(a, b, 13.0, 9.0, 20_000, seed=1)
    expected = exact.log_evidence(12, 8) - exact.kl_between_betas(a, b, 13.0, 9.0)
    assert (np.abs(elbo - expected) < 5 * se + 1e-12).all()
    assert se[0] > 0
    assert se[1] == pytest.approx(0, abs=1e-12), "the posterior's weights do not vary"


@pytest.mark.parametrize(
    ("guide", "params", "mass"),
    [
        ("beta", {"alpha_q": 13.0, "beta_q": 9.0}, 1.0),
        ("truncated_normal", {"mean": 0.9, "sd": 0.2}, 1.0),
        ("normal", {"mean": 0.9, "sd": 0.2}, 1 - exact.mass_outside_support(0.9, 0.2)),
        ("AutoNormal", {"latent_fairness_auto_loc": 0.4, "latent_fairness_auto_scale": 0.5}, 1.0),
    ],
)
def test_guide_densities_have_the_mass_they_should(guide, params, mass):
    density = exact.guide_density(guide, params, FAIRNESS)
    assert integrate.simpson(density, x=FAIRNESS) == pytest.approx(mass, abs=1e-3)


def test_the_density_for_the_logit_is_that_of_its_draws():
    params = {"latent_fairness_auto_loc": 0.4, "latent_fairness_auto_scale": 0.5}
    density = exact.guide_density("AutoNormal", params, FAIRNESS)
    mean = integrate.simpson(density * FAIRNESS, x=FAIRNESS)
    logits = stats.norm(0.4, 0.5).ppf((np.arange(20_000) + 0.5) / 20_000)
    assert mean == pytest.approx((1 / (1 + np.exp(-logits))).mean(), abs=1e-5)


def test_an_unknown_guide_is_refused():
    with pytest.raises(ValueError, match="'flow'"):
        exact.guide_density("flow", {}, FAIRNESS)


def test_mass_outside_support_is_that_of_both_tails():
    assert exact.mass_outside_support(0.5, 0.1) == pytest.approx(2 * stats.norm.sf(5.0))
    assert exact.mass_outside_support(np.array([0.0, 1.0]), 1.0).shape == (2,)


def test_predictive_heads_averages_the_binomial_over_the_posterior():
    heads = np.arange(11)
    probability = exact.predictive_heads(heads, 10, 13.0, 9.0)
    assert probability.sum() == pytest.approx(1)
    for count in (0, 4, 10):
        expected, _ = integrate.quad(
            lambda f, count=count: stats.binom.pmf(count, 10, f) * stats.beta.pdf(f, 13.0, 9.0),
            0,
            1,
        )
        assert probability[count] == pytest.approx(expected)
