"""R-hat over seeds against ArviZ, and its standard error."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from svi_atlas.diagnostics.between_seeds import between_seeds


def test_equals_arviz(rng):
    snapshots = rng.normal(size=(4, 80, 2)) + rng.normal(size=(4, 1, 2))
    loss = rng.normal(size=(4, 400))
    columns = between_seeds(snapshots, loss, np.zeros(4, int))
    expected = max(
        float(array_stats.rhat(snapshots[:, -20:, k], chain_axis=0, draw_axis=1, method="identity"))
        for k in range(2)
    )
    np.testing.assert_allclose(columns["seeds_rhat"], expected, rtol=1e-10)


def test_compares_the_seeds_of_one_setting_only(rng):
    snapshots = rng.normal(size=(4, 400, 1))
    snapshots[2:] += 50.0
    loss = rng.normal(size=(4, 4000))
    alike = between_seeds(snapshots, loss, np.array([1, 1, 2, 2]))
    assert (alike["seeds_rhat"] < 1.1).all()
    mixed = between_seeds(snapshots, loss, np.array([1, 2, 1, 2]))
    assert (mixed["seeds_rhat"] > 10).all()
    assert (mixed["seeds_rhat_loss"] < 1.3).all()


def test_standard_error_is_the_spread_over_repetitions(rng):
    # Twelve seeds whose means differ, many times over.
    columns = [
        between_seeds(
            rng.normal(size=(12, 400, 1)) + rng.normal(size=(12, 1, 1)),
            np.ones((12, 400)),
            np.ones(12, int),
        )
        for _ in range(200)
    ]
    values, errors = (
        np.array([one[name][0] for one in columns]) for name in ("seeds_rhat", "seeds_rhat_se")
    )
    # The jackknife of a spread is biased by about the root of 1 / 12.
    assert np.median(errors) == pytest.approx(values.std(ddof=1), rel=0.3)


def test_one_seed_and_broken_parameters(rng):
    snapshots = rng.normal(size=(3, 40, 1))
    snapshots[0, -1] = np.nan
    columns = between_seeds(snapshots, np.ones((3, 80)), np.array([1, 1, 2]))
    np.testing.assert_array_equal(columns["seeds_rhat"], [np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(columns["seeds_rhat_loss"], [1.0, 1.0, np.nan])
