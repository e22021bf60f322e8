"""Errors of quantiles, against exact ones."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.quantiles import quantiles

RNG = np.random.default_rng(0)
NUM_DRAWS = 40_000


def compare(draws, reference):
    columns = quantiles({"x": draws[None]}, {"x": reference})
    return {name: values[0] for name, values in columns.items()}


def test_a_wider_normal_is_off_by_its_quantiles():
    found = compare(1.2 * RNG.standard_normal(NUM_DRAWS), RNG.standard_normal(NUM_DRAWS))
    exact = 0.2 * stats.norm.ppf(0.95)
    assert found["quantile_error"] == pytest.approx(exact, abs=5 * found["quantile_error_se"])
    assert found["quantile_error_low"] > exact / 2


def test_the_standard_error_is_that_of_many_repetitions():
    reference = RNG.standard_normal(100_000)
    repeated = [compare(RNG.standard_normal(1_000), reference) for _ in range(300)]
    low = [np.quantile(RNG.standard_normal(1_000), 0.05) for _ in range(300)]
    found = np.median([one["quantile_error_se"] for one in repeated])
    assert found == pytest.approx(np.std(low), rel=0.15)


def test_a_cauchy_has_quantiles():
    found = compare(RNG.standard_normal(NUM_DRAWS), RNG.standard_cauchy(NUM_DRAWS))
    unit = stats.cauchy.ppf(0.8413447461)
    exact = (stats.cauchy.ppf(0.95) - stats.norm.ppf(0.95)) / unit
    assert found["quantile_error"] == pytest.approx(exact, abs=5 * found["quantile_error_se"])


def test_noise_alone_is_rarely_certain():
    """At the level of 5 % for all components together, three standard errors allowed."""
    low = [
        compare(RNG.standard_normal((4_000, 10)), RNG.standard_normal((10_000, 10)))
        for _ in range(200)
    ]
    certain = [one["quantile_error_low"] > 0 for one in low]
    assert np.mean(certain) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_constants_are_left_out():
    draws = np.stack([np.ones(1_000), RNG.standard_normal(1_000)], axis=1)
    assert compare(draws, draws)["quantile_error"] == 0.0


def test_draws_that_are_not_finite_have_no_number():
    assert np.isnan(compare(np.full(100, np.nan), RNG.standard_normal(100))["quantile_error"])
