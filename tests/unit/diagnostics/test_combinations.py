"""Linear combinations show what components do not: correlations."""

import numpy as np
import pytest

from svi_atlas.diagnostics.combinations import combinations
from svi_atlas.diagnostics.moments import moments

NUM_DRAWS, SIZE = 20_000, 5
RNG = np.random.default_rng(0)
COVARIANCE = 0.5 + 0.5 * np.eye(SIZE)
REFERENCE = RNG.multivariate_normal(np.zeros(SIZE), COVARIANCE, 50_000)


def compare(draws, reference=REFERENCE, statistic=combinations):
    size = reference.shape[1]
    arguments = {
        "reference_mean": {"x": np.zeros(size)},
        "reference_sd": {"x": np.ones(size)},
        "reference_mean_se": {},
    }
    if statistic is combinations:
        arguments["reference_draws"] = {"x": reference}
    else:
        arguments["reference_sd_se"] = {}
    columns = statistic({"x": draws[None]}, **arguments)
    return {name: values[0] for name, values in columns.items()}


def test_draws_of_the_posterior_have_no_certain_error():
    found = compare(RNG.multivariate_normal(np.zeros(SIZE), COVARIANCE, NUM_DRAWS))
    assert found["combination_mean_error_low"] < 0.01
    assert found["combination_sd_error_low"] < 0.01
    assert found["combination_mean_error"] < found["combination_mean_error_noise"]


def test_independent_draws_with_right_moments_are_seen():
    draws = RNG.standard_normal((NUM_DRAWS, SIZE))
    assert compare(draws, statistic=moments)["sd_error_low"] < 0.02
    found = compare(draws)
    assert found["combination_sd_error_low"] > 0.2
    # A combination with the weights w has the variance w'w here, and w'Cw in the posterior.
    assert 1 / np.sqrt(1 + 0.5 * (SIZE - 1)) < found["combination_sd_ratio"] < np.sqrt(2)


def test_a_shift_of_all_components_adds_up():
    draws = RNG.multivariate_normal(np.full(SIZE, 0.1), COVARIANCE, NUM_DRAWS)
    found = compare(draws)
    # Along w the mean is 0.1 sum(w), of at most 0.1 sqrt(5); the sd is sqrt(0.5 + 0.5 sum(w)^2).
    assert 0.1 < found["combination_mean_error"] < 0.1 * np.sqrt(5 / 3) + 0.03


def test_one_component_has_no_combinations():
    found = compare(RNG.standard_normal((NUM_DRAWS, 1)) + 9.0, REFERENCE[:, :1])
    assert found["combination_mean_error"] == 0.0
    assert found["combination_sd_ratio"] == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_draws_that_are_not_finite_have_no_number(bad):
    found = compare(np.full((100, SIZE), bad))
    assert np.isnan(found["combination_mean_error"])
