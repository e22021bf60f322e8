"""Funnels are found, and other posteriors are none."""

import numpy as np
import pytest

from svi_atlas.diagnostics.funnel import MIN_RATIO, find_funnel

NUM_DRAWS = 2_000

EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SD = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
"""The eight schools of Rubin (1981)."""


def eight_schools(rng):
    """Exact draws of mu, tau and theta: ln tau from a grid, then the Normals given it."""
    log_tau = np.linspace(-6, 5, 3_000)
    variance = SD**2 + np.exp(2 * log_tau)[:, None]
    precision = 1 / 25 + (1 / variance).sum(1)
    mean = (EFFECT / variance).sum(1) / precision
    log_density = (
        -np.log(variance).sum(1) / 2
        - np.log(precision) / 2
        - ((EFFECT**2 / variance).sum(1) - mean**2 * precision) / 2
        - np.log1p(np.exp(2 * log_tau) / 25)
        + log_tau
    )
    mass = np.exp(log_density - log_density.max())
    chosen = rng.choice(len(log_tau), NUM_DRAWS, p=mass / mass.sum())
    mu = mean[chosen] + rng.normal(size=NUM_DRAWS) / np.sqrt(precision[chosen])
    tau = np.exp(log_tau[chosen])
    of_school = 1 / SD**2 + 1 / tau[:, None] ** 2
    centre = (EFFECT / SD**2 + mu[:, None] / tau[:, None] ** 2) / of_school
    theta = centre + rng.normal(size=(NUM_DRAWS, 8)) / np.sqrt(of_school)
    return mu, tau, theta


def test_gaussians_are_no_funnels(rng):
    # The log of a ratio of sds has the standard error sqrt(1 / 666); no pair is off by five of them.
    covariance = np.full((6, 6), 0.9) + 0.1 * np.eye(6)
    x = rng.multivariate_normal(np.full(6, 1e3), covariance, NUM_DRAWS)
    draws = {"x": x[:, :4].reshape(-1, 2, 2), "y": x[:, 4], "z": x[:, 5]}
    assert 1 <= find_funnel(draws).ratio < np.exp(5 / np.sqrt(666))


def test_neals_funnel_is_as_wide_as_theory_says(rng):
    v = rng.normal(0, 1, NUM_DRAWS)
    x = rng.normal(size=NUM_DRAWS) * np.exp(v)
    found = find_funnel({"v": v, "x": x})
    # The mean of exp(2 v) over the upper third of a standard Normal over that over the lower third.
    normal = np.sort(rng.normal(size=1_000_000))
    upper, lower = (np.exp(2 * part).mean() for part in (normal[-333_333:], normal[:333_333]))
    assert found.site == "v"
    # The squares of x have heavy tails: their mean over 666 draws is off by up to a quarter.
    assert np.log(found.ratio) == pytest.approx(np.log(upper / lower) / 2, abs=0.3)


def test_eight_schools_are_a_funnel_only_if_centred(rng):
    mu, tau, theta = eight_schools(rng)
    centred = find_funnel({"mu": mu, "tau": tau, "theta": theta})
    assert centred.site == "tau"
    assert centred.ratio > 1.5 * MIN_RATIO
    other = find_funnel({"mu": mu, "tau": tau, "z": (theta - mu[:, None]) / tau[:, None]})
    assert other.ratio < 1.5


@pytest.mark.parametrize("noise", [0.1, 1.0])
def test_a_banana_is_no_funnel(rng, noise):
    x = rng.normal(size=NUM_DRAWS)
    assert find_funnel({"x": x, "y": x**2 + noise * rng.normal(size=NUM_DRAWS)}).ratio < MIN_RATIO


@pytest.mark.parametrize(("num_observations", "num_coefficients"), [(10, 2), (20, 3), (60, 5)])
def test_regressions_are_no_funnels(rng, num_observations, num_coefficients):
    freedom = num_observations - num_coefficients
    sigma = 1 / np.sqrt(rng.gamma(freedom / 2, 2 / freedom, NUM_DRAWS))
    predictors = rng.normal(size=(num_observations, num_coefficients))
    root = np.linalg.cholesky(np.linalg.inv(predictors.T @ predictors))
    coefficients = (rng.normal(size=(NUM_DRAWS, num_coefficients)) @ root.T) * sigma[:, None]
    assert find_funnel({"sigma": sigma, "b": coefficients}).ratio < MIN_RATIO


def test_components_that_are_fixed_by_others_do_no_harm(rng):
    draws = {"p": rng.dirichlet([3.0, 4.0, 5.0], NUM_DRAWS), "one": np.ones(NUM_DRAWS)}
    assert 1 <= find_funnel(draws).ratio < 1.5


@pytest.mark.parametrize(
    "draws",
    [
        {},
        {"x": np.linspace(0, 1, 50)},
        {"x": np.full((50, 2), np.nan)},
        {"x": np.random.default_rng(0).normal(size=(50, 101))},
    ],
)
def test_nothing_is_known_of_one_component_of_very_many_or_without_draws(draws):
    ratio, site = find_funnel(draws)
    assert np.isnan(ratio)
    assert site == ""
