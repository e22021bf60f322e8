"""Ranks of the true values among the draws of refitted guides."""

import numpy as np
import pytest
from coin_refits import DRAWS
from scipy import stats


def test_refits_reach_the_exact_posteriors(coin):
    _, heads, fitted, _ = coin
    for name, exact in (("alpha_q", 1 + heads), ("beta_q", 21 - heads)):
        assert np.median(np.exp(fitted[name]) / exact) == pytest.approx(1, abs=0.05)


def test_draws_are_those_of_the_fitted_guide(coin):
    truth, _, fitted, ranks = coin
    share = stats.beta(np.exp(fitted["alpha_q"]), np.exp(fitted["beta_q"])).cdf(truth)
    error = np.sqrt(share * (1 - share) / DRAWS) + 1 / DRAWS
    assert np.abs((ranks / DRAWS - share) / error).max() < 5
