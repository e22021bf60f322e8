"""1-Wasserstein distances against SciPy and NumPy."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.wasserstein import wasserstein


def test_equals_scipy_in_sds(rng):
    draws, reference = rng.normal(0.3, 1.4, (2, 4000)), rng.normal(0.0, 2.0, 10_000)
    columns = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(2.0)})
    expected = [stats.wasserstein_distance(one, reference) / 2.0 for one in draws]
    # A thousand quantiles for all draws: the tails' last steps are left out.
    np.testing.assert_allclose(columns["wasserstein"], expected, atol=2e-3)


def test_standard_error_is_the_spread_over_repetitions(rng):
    draws, reference = rng.normal(0.5, 1.0, (50, 2000)), rng.normal(0.0, 1.0, 20_000)
    columns = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(1.0)})
    # The spread of 50 values is known to a tenth; four of these.
    spread = columns["wasserstein"].std(ddof=1)
    assert spread == pytest.approx(columns["wasserstein_se"].mean(), rel=0.4)


def test_compares_the_quantiles_of_numpy(rng):
    draws, reference = rng.normal(0.3, 1.4, (2, 37)), rng.normal(size=23)
    columns = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(1.0)})
    levels = (np.arange(1000) + 0.5) / 1000
    apart = np.quantile(draws, levels, axis=1) - np.quantile(reference, levels)[:, None]
    np.testing.assert_allclose(columns["wasserstein"], np.abs(apart).mean(0), rtol=1e-12)


def test_a_handful_of_reference_draws_have_a_distance_without_an_error(rng):
    columns = wasserstein(
        {"x": rng.normal(size=(1, 100))}, {"x": rng.normal(size=3)}, {"x": np.array(1.0)}
    )
    assert np.isfinite(columns["wasserstein"][0])
    assert np.isnan(columns["wasserstein_se"][0])


def test_a_draw_that_is_not_finite_makes_it_missing(rng):
    draws = rng.normal(size=(2, 1000))
    draws[1, 7] = np.nan
    columns = wasserstein({"x": draws}, {"x": rng.normal(size=1000)}, {"x": np.array(1.0)})
    assert np.isfinite(columns["wasserstein"]).tolist() == [True, False]


def test_takes_the_worst_component(rng):
    reference = rng.normal(size=(10_000, 2))
    draws = (reference + np.array([0.0, 0.5]))[None]
    columns = wasserstein({"x": draws}, {"x": reference}, {"x": np.ones(2)})
    assert columns["wasserstein"][0] == pytest.approx(0.5)
