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
    columns = {name: float(value[0]) for name, value in moments(draws, mean, sd, {}, {}).items()}
    assert columns["mean_error"] == pytest.approx(0.3, abs=4 * columns["mean_error_se"])
    assert columns["mean_error_se"] == pytest.approx(1.5 / np.sqrt(num_draws), rel=0.05)
    # ln 0.5 is farther from 0 than ln 1.5.
    assert columns["sd_ratio"] == pytest.approx(0.5, abs=4 * columns["sd_ratio_se"])


def test_standard_error_of_the_ratio(rng):
    draws = {"a": rng.normal(size=(2000, 400))}
    columns = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)}, {}, {})
    spread = columns["sd_ratio"].std(ddof=1)
    assert columns["sd_ratio_se"].mean() == pytest.approx(spread, rel=0.1)


def test_each_fit_by_itself(rng):
    draws = {"a": rng.normal(size=(2, 1000)) + np.array([[0.0], [3.0]])}
    columns = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)}, {}, {})
    assert columns["mean_error"][0] < 0.2
    assert columns["mean_error"][1] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("num_draws", "num_components"), [(4000, 1), (1000, 200), (400, 4005)])
def test_draws_from_the_posterior_itself_have_no_certain_error(rng, num_draws, num_components):
    """At the level of 0.05 for mean and sd each, of all components together."""
    draws = {"a": rng.normal(size=(40, num_draws, num_components))}
    zero, one = np.zeros(num_components), np.ones(num_components)
    columns = moments(draws, {"a": zero}, {"a": one}, {}, {})
    for name in ("mean_error", "sd_error"):
        # 40 repetitions: more than 6 of them have a probability of 0.01. The sd of 400 draws is no
        # Normal variable at the level of one in 80,000; what it may be off is small beside the limit.
        if name == "mean_error" or num_draws >= 1000:
            assert (columns[f"{name}_low"] > 0).sum() <= 6
        assert (columns[f"{name}_low"] < 0.05).all()
        assert (columns[f"{name}_noise"] > columns[f"{name}_low"]).all()


def test_an_error_is_certain_beyond_the_noise_of_the_reference(rng):
    draws = {"a": 0.5 + rng.normal(size=(1, 40_000))}
    for error, certain in ((0.0, 0.5), (0.1, 0.3), (1.0, -1.46)):
        columns = moments(
            draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)}, {"a": np.asarray(error)}, {}
        )
        assert columns["mean_error_low"][0] == pytest.approx(certain, abs=0.03)


def test_a_narrow_component_far_from_zero_is_no_constant(rng):
    """A mean of ten million sds: an error of half an sd counts."""
    draws = {"a": 1e7 + 0.5 + rng.normal(size=(1, 4000))}
    columns = moments(draws, {"a": np.asarray(1e7)}, {"a": np.asarray(1.0)}, {}, {})
    assert columns["mean_error"][0] == pytest.approx(0.5, abs=0.1)


def test_components_that_cannot_vary_are_left_out(rng):
    """The Cholesky factor of a correlation matrix: a one in its corner, a zero above the diagonal."""
    correlation = np.tanh(0.3 * rng.normal(size=(2, 4000)))
    factor = np.zeros((2, 4000, 2, 2))
    factor[..., 0, 0] = 1.0
    factor[..., 1, 0], factor[..., 1, 1] = correlation, np.sqrt(1 - correlation**2)
    mean, sd = factor[1].mean(0), factor[1].std(0)
    columns = moments({"factor": factor}, {"factor": mean}, {"factor": sd}, {}, {})
    assert columns["mean_error"][0] < 0.1
    assert columns["sd_ratio"][0] == pytest.approx(1, abs=0.1)
