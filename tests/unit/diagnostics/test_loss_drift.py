"""Trends of known slope, and their standard errors."""

import numpy as np
import pytest

from svi_atlas.diagnostics.loss_drift import loss_drift
from unit.diagnostics.helpers import autoregression


def test_slope_and_its_error(rng):
    num_fits, num_steps, slope = 300, 8000, -0.05
    trend = slope * np.arange(num_steps) / 1000
    loss = 5 + trend + autoregression(rng, (num_fits, num_steps), 0.5, 0.3)
    columns = loss_drift(loss)
    spread = columns["loss_drift"].std(ddof=1)
    assert columns["loss_drift"].mean() == pytest.approx(slope, abs=4 * spread / num_fits**0.5)
    assert np.sqrt((columns["loss_drift_se"] ** 2).mean()) == pytest.approx(spread, rel=0.2)


def test_slope_without_noise_is_exact():
    loss = np.linspace(3, 1, 10_000)[None]
    columns = loss_drift(loss)
    assert columns["loss_drift"][0] == pytest.approx(-0.2, rel=1e-3)
    assert columns["loss_drift_se"][0] == pytest.approx(0, abs=1e-9)


def test_only_the_last_quarter_counts():
    loss = np.concatenate([np.linspace(100, 1, 3000), np.ones(1000)])[None]
    assert loss_drift(loss)["loss_drift"][0] == pytest.approx(0, abs=1e-9)


def test_infinite_losses_are_left_out():
    loss = np.linspace(3, 1, 10_000)[None].copy()
    loss[0, -77] = np.inf
    assert loss_drift(loss)["loss_drift"][0] == pytest.approx(-0.2, rel=1e-2)
