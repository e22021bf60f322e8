"""Exact posteriors of the regressions and of eight schools."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.problems.arrival import exact, model

PROBLEM = problems.load("arrival")
DATA = PROBLEM.simulate(purpose_key(0, "data"), {})
TAU_ERROR = np.array(model.STANDARD_ERRORS)


def own(name):
    """The data of a model, in double precision."""
    prefix = f"{name}."
    return {
        key.removeprefix(prefix): np.asarray(values, float)
        for key, values in DATA.items()
        if key.startswith(prefix)
    }


def regression_given(scale, name):
    data = own(name)
    noise = np.full((1, len(data["y"])), scale)
    prior = np.full(3, model.COEFFICIENT_SD)
    return exact.normal_linear(data["x"][None], noise, prior, data["y"])


def schools_given(tau):
    design = np.column_stack([np.ones(8), tau * np.eye(8)])[None]
    prior = np.array([model.MEAN_SD, *np.ones(8)])
    return exact.normal_linear(design, TAU_ERROR[None], prior, np.array(model.EFFECTS))


def log_prior(scale, width):
    return stats.halfcauchy(scale=width).logpdf(scale)


def unconstrained(posterior, scale_site, scale, coefficients):
    """Log density of the model at the log of its scale and its coefficients in the order of the sites."""
    values = {scale_site: np.log(scale), **coefficients}
    position = np.concatenate([np.ravel(values[name]) for name in sorted(values)])
    with posterior.precision():
        return float(posterior.log_density(jnp.asarray(position)))


@pytest.mark.parametrize("name", ["raw_regression", "standardised_regression"])
def test_scale_evidence_and_conditional_make_up_the_joint_of_the_regressions(name):
    posterior = Posterior.from_model(PROBLEM.models[name], DATA, name)
    for scale in (0.8, 1.1, 2.0):
        given = regression_given(scale, name)
        factor, noise = np.linalg.cholesky(given.covariance[0]), np.array([0.5, -1.0, 1.5])
        slope = given.mean[0] + factor @ noise
        log_conditional = stats.norm.logpdf(noise).sum() - np.log(np.diag(factor)).sum()
        expected = given.log_evidence[0] + log_conditional
        expected += log_prior(scale, model.NOISE_SCALE) + np.log(scale)
        found = unconstrained(posterior, "noise", scale, {"slope": slope})
        assert found == pytest.approx(expected, abs=1e-4)


def test_scale_evidence_and_conditional_make_up_the_joint_of_the_schools():
    posterior = Posterior.from_model(PROBLEM.models["eight_schools_non_centred"], DATA, "schools")
    for tau in (0.1, 3.0, 20.0):
        given = schools_given(tau)
        conditional = stats.multivariate_normal(given.mean[0], given.covariance[0])
        mu, *t = given.mean[0] + np.linspace(-1, 1, 9)
        expected = given.log_evidence[0] + conditional.logpdf([mu, *t])
        expected += log_prior(tau, model.SPREAD_SCALE) + np.log(tau)
        found = unconstrained(posterior, "tau", tau, {"mu": mu, "t": np.array(t)})
        assert found == pytest.approx(expected, abs=1e-8)


def schools_moment(function, power):
    """Integral over tau of the evidence times a function of (tau, mean, covariance)."""

    def integrand(log_tau):
        tau = np.exp(log_tau)
        given = schools_given(tau)
        log_weight = given.log_evidence[0] + log_prior(tau, model.SPREAD_SCALE) + log_tau + 31.0
        return np.exp(log_weight) * function(tau, given.mean[0], given.covariance[0]) ** power

    return integrate.quad(integrand, -18.0, 9.0, epsabs=1e-10, limit=200)[0]


def test_moments_of_tau_and_the_evidence_are_those_of_adaptive_quadrature():
    reference = PROBLEM.reference["eight_schools_centred"](DATA, {})
    mass, first, second = (schools_moment(lambda tau, *_: tau, power) for power in (0, 1, 2))
    assert reference.log_evidence == pytest.approx(np.log(mass) - 31.0, abs=1e-6)
    assert reference.mean["tau"] == pytest.approx(first / mass, rel=1e-5)
    assert reference.sd["tau"] == pytest.approx(
        np.sqrt(second / mass - (first / mass) ** 2), rel=1e-4
    )


def test_both_ways_to_write_eight_schools_are_one_posterior():
    centred, other = (
        PROBLEM.reference[f"eight_schools_{name}"](DATA, {}) for name in ("centred", "non_centred")
    )
    assert centred.log_evidence == pytest.approx(other.log_evidence, abs=1e-12)
    for site in ("mu", "tau"):
        assert centred.mean[site] == pytest.approx(other.mean[site], rel=1e-12)
    mapped = other.draws["mu"][:, None] + other.draws["tau"][:, None] * other.draws["t"]
    error = centred.sd["effect"] / np.sqrt(len(mapped))
    assert (np.abs(mapped.mean(0) - centred.mean["effect"]) < 5 * error).all()
    sd_error = 5 * np.sqrt((stats.kurtosis(mapped, fisher=False) - 1) / (4 * len(mapped)))
    assert (np.abs(mapped.std(0) / centred.sd["effect"] - 1) < sd_error).all()


def test_the_noise_of_a_regression_by_adaptive_quadrature():
    reference = PROBLEM.reference["raw_regression"](DATA, {})

    def integrand(scale, power):
        given = regression_given(scale, "raw_regression")
        log_weight = given.log_evidence[0] + log_prior(scale, model.NOISE_SCALE)
        return np.exp(log_weight - reference.log_evidence) * scale**power

    mass, first, second = (
        integrate.quad(integrand, 0.7, 1.6, (power,), points=[1.04])[0] for power in range(3)
    )
    assert mass == pytest.approx(1, abs=1e-6)
    assert reference.mean["noise"] == pytest.approx(first, rel=1e-6)
    assert reference.sd["noise"] == pytest.approx(np.sqrt(second - first**2), rel=1e-3)


def test_raw_and_standardised_predictors_explain_the_same():
    """The priors differ, but hardly matter: the slope of the year in sds of the year agrees."""
    raw, standardised = (
        PROBLEM.reference[f"{name}_regression"](DATA, {}) for name in ("raw", "standardised")
    )
    spread = own("raw_regression")["x"][:, 1:].std(0)
    np.testing.assert_allclose(
        raw.mean["slope"][1:] * spread, standardised.mean["slope"][1:], atol=0.005
    )
    np.testing.assert_allclose(
        raw.sd["slope"][1:] * spread, standardised.sd["slope"][1:], rtol=0.01
    )


def test_the_autoregression_is_a_regression_on_its_lags():
    y = own("autoregression")["y"]
    lags = np.array([[y[t - 1], y[t - 2], y[t - 3]] for t in range(3, len(y))])
    least_squares = np.linalg.lstsq(np.column_stack([np.ones(len(lags)), lags]), y[3:])[0]
    reference = PROBLEM.reference["autoregression"](DATA, {})
    np.testing.assert_allclose(reference.mean["slope"], least_squares[1:], atol=1e-4)
    np.testing.assert_allclose(reference.mean["intercept"], least_squares[0], atol=1e-4)


def test_the_tutorials_models_keep_their_references():
    for name, (problem, own_model, settings) in model.EXAMPLES.items():
        data = problem.simulate(purpose_key(0, "data"), settings)
        whole = problem.reference
        reference = (whole if callable(whole) else whole[own_model])(data, settings)
        found = PROBLEM.reference[name](DATA, {})
        assert found.mean.keys() == reference.mean.keys()
        for site in found.mean:
            assert found.mean[site] == pytest.approx(reference.mean[site])
            assert found.sd[site] == pytest.approx(reference.sd[site])
