"""Pareto k-hat against ArviZ and tails of known shape."""

import inspect

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from svi_atlas.diagnostics.khat import khat, khat_limit
from unit.diagnostics.helpers import gaussian_log_weights


@pytest.mark.parametrize("sd", [0.5, 0.6, 0.8, 1.5])
def test_equals_arviz(rng, sd):
    weights = gaussian_log_weights(rng, 4000, 0.0, sd)
    # ArviZ asks for log likelihoods, that is for minus the log weights.
    expected = float(array_stats.psislw(-weights[0])[1])
    assert khat(weights)["khat"][0] == pytest.approx(expected, abs=1e-6)


def test_a_narrow_guide_is_bad_and_a_wide_one_good(rng):
    # The weights of a Normal(0, sd) guide have a tail of shape 1 - sd^2: 0.91, and none.
    narrow, wide = (
        np.concatenate([gaussian_log_weights(rng, 10_000, 0.0, sd) for _ in range(20)])
        for sd in (0.3, 1.3)
    )
    assert khat(narrow)["khat"].mean() > 0.7
    assert khat(wide)["khat"].max() < 0


def test_a_tail_of_known_shape(rng):
    for shape in (0.3, 0.9):
        weights = np.log(stats.genpareto(shape).rvs((20, 10_000), random_state=rng) + 1)
        columns = khat(weights)
        assert columns["khat"].mean() == pytest.approx(shape, abs=0.1)
        # The spread of 20 values is known to 16 %; four of these.
        spread = columns["khat"].std(ddof=1)
        assert spread == pytest.approx(columns["khat_se"].mean(), rel=4 * 0.16)


def test_a_perfect_guide_is_good(rng):
    exact = np.zeros((1, 1000))
    rounding = rng.normal(size=(1, 1000)) * 1e-6
    for weights in (exact, rounding, exact - 700.0):
        columns = khat(weights)
        assert columns["khat"][0] == -np.inf
        assert np.isnan(columns["khat_se"][0])
        assert columns["is_efficiency"][0] == pytest.approx(1.0)


@pytest.mark.parametrize("spread", [1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1])
def test_nearly_equal_weights_never_give_plus_infinity(rng, spread):
    for weights in (rng.normal(size=1000) * spread, rng.uniform(size=1000) * spread):
        columns = khat(weights[None].astype(np.float32))["khat"][0]
        assert columns < 0.7


def test_a_missed_mode_is_invisible(rng):
    # Half of the posterior lies 20 sds away from a guide that fits the other half: documented
    # as what this statistic cannot see.
    draws = rng.normal(size=4000)
    posterior = np.logaddexp(stats.norm.logpdf(draws), stats.norm.logpdf(draws, 20.0))
    weights = posterior - np.log(2) - stats.norm.logpdf(draws) + rng.normal(size=4000) * 0.05
    assert khat(weights[None])["khat"][0] < 0.5
    module = inspect.getmodule(khat)
    assert "missed mode" in (module.__doc__ + khat.__doc__)


def test_undefined_weights_give_no_number():
    for bad in (np.nan, np.inf):
        weights = np.zeros((1, 1000))
        weights[0, 5] = bad
        assert np.isnan(khat(weights)["khat"][0])


def test_no_weight_at_all_gives_no_number():
    columns = khat(np.full((1, 1000), -np.inf))
    assert np.isnan(columns["khat"][0])
    assert np.isnan(columns["is_efficiency"][0])


def test_largest_weights_all_equal_are_a_bounded_tail(rng):
    weights = np.zeros((1, 1000))
    weights[0, ::3] = -1.0
    assert khat(weights)["khat"][0] == -np.inf


def test_zero_weights_count_against_the_efficiency(rng):
    weights = gaussian_log_weights(rng, 4000, 0.0, 1.1)
    before = khat(weights)["is_efficiency"][0]
    weights[0, ::2] = -np.inf
    columns = khat(weights)
    assert np.isfinite(columns["khat"][0])
    assert columns["is_efficiency"][0] == pytest.approx(before / 2, rel=0.05)


def test_bounded_weights_are_no_heavy_tail(rng):
    # A Normal guide inside a Beta posterior: no weight is twice the mean.
    posterior = stats.beta(13, 9)
    mean, sd = 0.58988, 0.10085
    draws = rng.normal(mean, sd, 4000)
    weights = posterior.logpdf(draws) - stats.norm.logpdf(draws, mean, sd)
    assert khat(weights[None])["khat"][0] < 0.7


def test_the_tail_share_is_what_the_largest_weights_add(rng):
    # The tail of 100 draws are the largest 20: these add 0.5 * 20 and 10 beyond their start.
    weights = np.log(np.concatenate([np.full(80, 1.0), np.full(1, 2.0), np.full(18, 2.5), [12.0]]))
    columns = khat(rng.permutation(weights)[None])["tail_share"][0]
    assert columns == pytest.approx((18 * 0.5 + 10) / (80 + 2 + 45 + 12))
    assert khat(np.zeros((1, 100)))["tail_share"][0] == 0


def test_a_tail_that_carries_nothing_may_have_any_shape():
    """A logit-Normal guide for a Beta(12, 8): KL is 0.0007 nats, yet k-hat may be 4."""
    rng, columns = np.random.default_rng(2), []
    mean, sd = 0.4169, 0.4731
    for _ in range(50):
        x = rng.normal(mean, sd, 4000)
        weights = (
            -12 * np.log1p(np.exp(-x)) - 8 * np.log1p(np.exp(x)) - stats.norm.logpdf(x, mean, sd)
        )
        columns.append(khat(weights[None]))
    shapes, shares = (
        np.array([each[name][0] for each in columns]) for name in ("khat", "tail_share")
    )
    assert (shapes > 0.7).any()
    assert (shares < 0.005).mean() >= 0.9


def test_efficiency_of_gaussians(rng):
    sd = 1.2
    weights = gaussian_log_weights(rng, 200_000, 0.0, sd)
    truth = np.sqrt(2 * sd**2 - 1) / sd**2
    assert khat(weights)["is_efficiency"][0] == pytest.approx(truth, rel=0.01)


def test_limit_depends_on_the_number_of_draws():
    assert khat_limit(100) == pytest.approx(0.5)
    assert khat_limit(1000) == pytest.approx(2 / 3)
    assert khat_limit(100_000) == 0.7
    assert khat_limit(100_000, 0.4) == 0.4
