"""Errors of tail probabilities, against exact ones."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.tail_probabilities import tail_probabilities

RNG = np.random.default_rng(0)
NUM_DRAWS = 40_000


def compare(draws, reference):
    columns = tail_probabilities({"x": draws[None]}, {"x": reference})
    return {name: values[0] for name, values in columns.items()}


def test_a_wider_normal_has_more_beyond():
    found = compare(1.2 * RNG.standard_normal(NUM_DRAWS), RNG.standard_normal(NUM_DRAWS))
    exact = stats.norm.cdf(stats.norm.ppf(0.05) / 1.2) - 0.05
    assert found["tail_error"] == pytest.approx(exact, abs=5 * found["tail_error_se"])
    assert found["tail_error_low"] > exact / 2


def test_the_standard_error_is_that_of_many_repetitions():
    shares = [
        (RNG.standard_normal(1_000) < np.quantile(RNG.standard_normal(2_000), 0.05)).mean()
        for _ in range(2_000)
    ]
    found = compare(RNG.standard_normal(1_000), RNG.standard_normal(2_000))
    assert found["tail_error_se"] == pytest.approx(np.std(shares), rel=0.06)


@pytest.mark.parametrize("transform", [np.exp, np.sinh, np.tan], ids=["exp", "sinh", "tan"])
def test_the_shape_of_a_density_does_not_matter(transform):
    draws, reference = 0.7 * RNG.standard_normal(4_000), 0.5 * RNG.standard_normal(5_000)
    if transform is np.tan:  # monotone on this interval only
        draws, reference = np.clip(draws, -1.5, 1.5), np.clip(reference, -1.5, 1.5)
    assert compare(transform(draws), transform(reference)) == pytest.approx(
        compare(draws, reference), abs=2e-3
    )


def test_a_cauchy_has_tail_probabilities():
    found = compare(RNG.standard_normal(NUM_DRAWS), RNG.standard_cauchy(NUM_DRAWS))
    exact = 0.05 - stats.norm.cdf(stats.cauchy.ppf(0.05))
    assert found["tail_error"] == pytest.approx(exact, abs=5 * found["tail_error_se"])


def test_noise_alone_is_rarely_certain():
    """At the level of 5 % for all components together, three standard errors allowed."""
    low = [
        compare(RNG.standard_normal((4_000, 10)), RNG.standard_normal((10_000, 10)))
        for _ in range(200)
    ]
    certain = [one["tail_error_low"] > 0 for one in low]
    assert np.mean(certain) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_constants_are_left_out():
    draws = np.stack([np.ones(1_000), RNG.standard_normal(1_000)], axis=1)
    assert compare(draws, draws)["tail_error"] < 0.001


def test_draws_that_are_not_finite_have_no_number():
    assert np.isnan(compare(np.full(100, np.nan), RNG.standard_normal(100))["tail_error"])
