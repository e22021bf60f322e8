"""Effective sample sizes against ArviZ, a closed form, and their spread."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from svi_atlas.diagnostics.ess import effective_sample_size
from unit.diagnostics.helpers import autoregression


def test_effective_size_of_autocorrelated_noise(rng):
    coefficient, num_draws = 0.8, 20_000
    values = autoregression(rng, (1, num_draws), coefficient)
    truth = num_draws * (1 - coefficient) / (1 + coefficient)
    assert effective_sample_size(values)[0][0] == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("num_draws", [20, 21, 22, 23, 100, 251])
@pytest.mark.parametrize("coefficient", [-0.9, -0.3, 0.0, 0.5, 0.9, 0.999])
def test_effective_size_equals_arviz(rng, num_draws, coefficient):
    chains = autoregression(rng, (20, num_draws), coefficient)
    chains[0], chains[1] = 3.0, np.linspace(0, 1, num_draws)
    expected = [
        float(array_stats.ess(chain[None], chain_axis=0, draw_axis=1, method="mean"))
        for chain in chains
    ]
    expected[0] = num_draws // 2 * 2  # constant
    np.testing.assert_allclose(effective_sample_size(chains)[0], expected, rtol=1e-8)


@pytest.mark.parametrize("coefficient", [0.5, 0.9])
def test_error_of_the_effective_sample_size(rng, coefficient):
    size, error = effective_sample_size(autoregression(rng, (1000, 4000), coefficient))
    # The window of Geyer's sum is itself random: its formula is right within a third.
    assert error.mean() == pytest.approx(size.std(ddof=1), rel=0.35)
