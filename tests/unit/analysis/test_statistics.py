"""Statistics that analyses share."""

import numpy as np
import pytest

from svi_atlas.analysis._statistics import MEDIAN_FACTOR, median_standard_error


def test_the_factor_is_that_of_a_normal_sample():
    assert pytest.approx(np.sqrt(np.pi / 2), abs=0.005) == MEDIAN_FACTOR


def test_the_error_of_a_median_is_the_spread_of_medians():
    # 4,000 medians of 101 values: their sd is known to 1.1 %, and the asymptotic formula holds to about 1 %.
    samples = np.random.default_rng(0).standard_normal((4000, 101))
    spread = np.median(samples, axis=1).std()
    errors = [median_standard_error(sample) for sample in samples[:400]]
    assert np.mean(errors) == pytest.approx(spread, rel=0.04)


def test_it_is_exact_for_two_values_and_leaves_out_what_is_not_finite():
    assert median_standard_error([1.0, 3.0, np.nan, np.inf]) == pytest.approx(1.25 / np.sqrt(2))


def test_it_is_nan_if_nothing_is_finite():
    assert np.isnan(median_standard_error([np.nan]))
