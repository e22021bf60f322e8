"""Errors of means and standard deviations in units of the posterior."""

import numpy as np
import pytest

from svi_atlas.diagnostics.moments import moments


def test_errors_in_units_of_the_posterior(rng):
    num_draws = 40_000
    draws = {
        "a": 5 + 2 * (0.3 + 1.5 * rng.normal(size=(1, num_draws))),
        "b": rng.normal(size=(1, num_draws, 2)) * [1.0, 0.5],
    }
    mean = {"a": np.asarray(5.0), "b": np.zeros(2)}
    sd = {"a": np.asarray(2.0), "b": np.ones(2)}
    columns = {name: float(value[0]) for name, value in moments(draws, mean, sd).items()}
    assert columns["mean_error"] == pytest.approx(0.3, abs=4 * columns["mean_error_se"])
    assert columns["mean_error_se"] == pytest.approx(1.5 / np.sqrt(num_draws), rel=0.05)
    # ln 0.5 is farther from 0 than ln 1.5.
    assert columns["sd_ratio"] == pytest.approx(0.5, abs=4 * columns["sd_ratio_se"])


def test_standard_error_of_the_ratio(rng):
    draws = {"a": rng.normal(size=(2000, 400))}
    columns = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)})
    spread = columns["sd_ratio"].std(ddof=1)
    assert columns["sd_ratio_se"].mean() == pytest.approx(spread, rel=0.1)


def test_each_fit_by_itself(rng):
    draws = {"a": rng.normal(size=(2, 1000)) + np.array([[0.0], [3.0]])}
    columns = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)})
    assert columns["mean_error"][0] < 0.2
    assert columns["mean_error"][1] == pytest.approx(3, abs=0.2)
