"""Parameters that drift, rest, or are not finite."""

import numpy as np
import pytest

from svi_atlas.diagnostics.ess import effective_sample_size
from svi_atlas.diagnostics.parameter_drift import (
    MIN_SNAPSHOTS,
    NUM_WINDOWS,
    parameter_drift,
    trailing_windows,
)
from svi_atlas.diagnostics.rhat import split_rhat, split_rhat_error
from unit.diagnostics.helpers import SNAPSHOT_STEP, autoregression, autoregression_error


def test_windows_run_from_200_steps_to_95_percent():
    windows = trailing_windows(SNAPSHOT_STEP)
    assert windows[0].num_snapshots >= MIN_SNAPSHOTS
    assert windows[-1].num_steps == pytest.approx(9500, abs=10)
    assert len(windows) == NUM_WINDOWS


@pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
def test_errors_are_the_spread_over_chains(rng, coefficient):
    snapshots = autoregression(rng, (1000, 600), coefficient)[:, :, None]
    snapshots[:, 300:] += 0.8 / (1 - coefficient**2) ** 0.5  # R-hat about 1.15
    longest = snapshots[:, -570:]
    error, spread = split_rhat_error(longest[..., 0]), split_rhat(longest)[:, 0].std(ddof=1)
    assert error.mean() == pytest.approx(spread, rel=0.2)
    columns = parameter_drift(snapshots, SNAPSHOT_STEP[:600], np.full(1000, 0.01))
    for steps in np.unique(columns["window"]):
        of_window = columns["window"] == steps
        chains = snapshots[of_window, -steps // 10 :, 0]
        size, size_error = effective_sample_size(chains)
        expected = {"rhat_se": split_rhat_error(chains), "ess": size, "ess_se": size_error}
        for name, values in expected.items():
            np.testing.assert_allclose(columns[name][of_window], values)


def test_stationary_noise_is_at_rest(rng):
    snapshots = autoregression(rng, (2, 1000), 0.7)[:, :, None]
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(2, 0.01))
    assert (columns["rhat"] < 1.05).all()
    assert (columns["ess"] > 25).all()


def test_drift_is_seen(rng):
    trend = np.linspace(0, 5, 1000)
    noise = rng.normal(size=(1, 1000, 1)) * 0.05
    columns = parameter_drift(trend[None, :, None] + noise, SNAPSHOT_STEP, np.array([0.01]))
    assert columns["rhat"][0] > 1.1


def test_the_worst_parameter_counts(rng):
    noise = rng.normal(size=(1, 1000, 2))
    noise[:, :, 1] += np.linspace(0, 50, 1000)
    columns = parameter_drift(noise, SNAPSHOT_STEP, np.array([0.01]))
    assert columns["rhat"][0] > 1.1


def test_rest_after_a_transient_is_found_by_a_short_window(rng):
    snapshots = rng.normal(size=(1, 1000, 1))
    snapshots[0, :400, 0] += np.linspace(100, 0, 400)
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([0.01]))
    assert columns["rhat"][0] < 1.1
    assert columns["ess"][0] > 25
    assert columns["window"][0] < 6500


@pytest.mark.parametrize("coefficient", [0.5, 0.9])
def test_error_of_the_average_of_autocorrelated_noise(rng, coefficient):
    num_chains = 400
    noise = autoregression(rng, (num_chains, 1000), coefficient)[:, :, None]
    # The first of two parameters has the smaller errors.
    snapshots = np.concatenate([0.1 * noise[:, ::-1], noise], axis=-1)
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(num_chains, 0.01))
    exact = [autoregression_error(round(steps / 10), coefficient) for steps in columns["window"]]
    ratio = columns["averaged_mcse"] / exact
    tolerance = 4 * ratio.std(ddof=1) / np.sqrt(num_chains)
    assert ratio.mean() == pytest.approx(1.0, abs=tolerance)


def test_a_parameter_that_came_to_rest_without_noise():
    snapshots = 1.0 + 1e-7 * np.sin(np.arange(1000))[None, :, None]
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([0.01]))
    assert columns["rhat"][0] == 1.0
    assert columns["averaged_mcse"][0] == 0.0
    assert columns["ess"][0] == (SNAPSHOT_STEP > 500).sum()


def test_a_tiny_step_size_is_no_rest():
    # Adam with step size 1e-6 moves a parameter by 1e-6 a step: little, but all it can.
    snapshots = (1e-6 * SNAPSHOT_STEP)[None, :, None]
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([1e-6]))
    assert columns["rhat"][0] > 1.1


def test_a_parameter_that_is_not_finite(rng):
    snapshots = rng.normal(size=(2, 1000, 1))
    snapshots[0, -1] = np.nan
    columns = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(2, 0.01))
    assert np.isinf(columns["rhat"][0])
    assert np.isnan(columns["averaged_mcse"][0])
    assert columns["rhat"][1] < 1.1


def test_few_snapshots(rng):
    snapshots = rng.normal(size=(1, 20, 1))
    columns = parameter_drift(snapshots, np.arange(1, 21), np.array([0.01]))
    assert np.isfinite(columns["rhat"][0])
    assert columns["window"][0] <= 20
