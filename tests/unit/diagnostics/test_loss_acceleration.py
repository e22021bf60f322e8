"""Losses that fall ever faster, and all others."""

import numpy as np
import pytest

from svi_atlas.diagnostics.loss_acceleration import loss_acceleration
from unit.diagnostics.helpers import autoregression


@pytest.mark.parametrize(
    ("shape", "grows"),
    [
        (lambda time: -(time**2), True),  # without bound
        (lambda time: np.exp(-5 * time), False),  # towards an optimum
        (lambda time: -time, False),  # at a constant rate
        (lambda time: 0 * time, False),
        (lambda time: time**2, False),  # it rises
        (lambda time: -1 / (1 + np.exp(-12 * (time - 0.6))), False),  # a plateau is left
    ],
)
def test_tells_a_growing_fall(rng, shape, grows):
    losses = 50 * shape(np.linspace(0, 1, 8000))
    noisy = losses + autoregression(rng, (40, 8000), 0.5, 0.3)
    columns = loss_acceleration(noisy)["loss_acceleration_z"]
    assert (columns > 5).all() if grows else (columns < 5).all()


@pytest.mark.parametrize("num_steps", [1, 8, 10, 16, 23])
def test_is_missing_for_a_handful_of_steps(rng, num_steps):
    columns = loss_acceleration(rng.normal(size=(2, num_steps)))["loss_acceleration_z"]
    np.testing.assert_array_equal(columns, [np.nan, np.nan])
