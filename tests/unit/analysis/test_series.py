"""Bins of steps, means within them, and quantiles over seeds."""

import numpy as np
import pytest

from svi_atlas.analysis import _series


@pytest.mark.parametrize("num_steps", [1, 7, 10, 20, 25, 500, 10_000])
def test_log_bins_cover_every_step_and_none_is_narrow(num_steps):
    edges = _series.log_bins(num_steps, 60)
    assert edges[0] == 0
    assert edges[-1] == num_steps
    assert (np.diff(edges) >= min(_series.MIN_BIN_STEPS, num_steps)).all()


def test_even_bins_have_one_width():
    assert _series.even_bins(100, 4).tolist() == [0, 25, 50, 75, 100]


def test_there_are_no_more_bins_than_steps():
    assert _series.even_bins(3, 500).tolist() == [0, 1, 2, 3]


def test_bin_means_leave_out_what_is_not_finite():
    values = np.array([[1.0, 3.0, np.nan, np.inf], [1.0, np.nan, 5.0, 7.0]])
    means = _series.bin_means(values, np.array([0, 2, 4]))
    np.testing.assert_array_equal(means, [[2.0, np.nan], [1.0, 6.0]])


def test_centres_count_steps_from_one():
    assert _series.centres(np.array([0, 1, 4])).tolist() == [1.0, 3.0]


def test_quantiles_leave_out_nan_and_are_nan_where_nothing_is_left():
    values = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    np.testing.assert_array_equal(_series.quantiles(values, (0.0, 0.5)), [[1, np.nan], [2, np.nan]])
