"""The standard error of the mean of autocorrelated noise."""

import numpy as np
import pytest

from svi_atlas.diagnostics.batch_means import mean_and_error
from unit.diagnostics.helpers import autoregression


@pytest.mark.parametrize("coefficient", [0.0, 0.8])
def test_error_of_the_mean_of_autocorrelated_noise(rng, coefficient):
    num_fits, num_steps = 400, 4000
    values = autoregression(rng, (num_fits, num_steps), coefficient)
    mean, error = mean_and_error(values)
    truth = 1 / (1 - coefficient) / np.sqrt(num_steps)
    # The squared error has a relative sd of sqrt(2 / 19) a fit, so of 1.6 % over 400.
    assert np.sqrt((error**2).mean()) == pytest.approx(truth, rel=0.08)
    assert np.abs(mean / error).mean() == pytest.approx(np.sqrt(2 / np.pi), rel=0.15)


def test_missing_entries_are_left_out(rng):
    values = rng.normal(size=(1, 1000))
    values[0, ::7] = np.nan
    assert mean_and_error(values)[0][0] == pytest.approx(np.nanmean(values))
