"""The gain of averaging, from common random numbers."""

import pytest

from svi_atlas.diagnostics.averaging_gain import averaging_gain


def test_averaging_gain_of_a_shared_noise_is_precise(rng):
    noise = rng.normal(size=(1, 1000)) * 10
    columns = averaging_gain(noise, noise + 0.25)
    assert columns["averaging_gain"][0] == pytest.approx(0.25)
    assert columns["averaging_gain_se"][0] < 1e-6
