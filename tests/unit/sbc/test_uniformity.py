"""The tests of calibration, against exact cases."""

import itertools

import numpy as np
import pytest
from coin_refits import DRAWS
from scipy import stats

from svi_atlas.sbc.uniformity import (
    NULL_DRAWS,
    check_symmetry,
    check_uniformity,
    correct_by_holm,
    histogram,
    judge_calibration,
)


def test_a_converged_guide_that_holds_the_posterior_is_calibrated(coin):
    (row,) = judge_calibration(coin[3][:, None], DRAWS).itertuples()
    assert row.finding == "no deviation found"
    assert min(row.symmetry_p, row.uniformity_p) > 0.05


def coin_ranks(coin, concentration=1.0, shift=0.0):
    """Ranks: numbers of draws below the truth of Beta guides made from the exact posterior."""
    truth, heads, _, _ = coin
    mean, total = (1 + heads) / 22, 22 * concentration
    mean = np.clip(mean + shift, 0.02, 0.98)
    share = stats.beta(mean * total, (1 - mean) * total).cdf(truth)
    return np.random.default_rng(1).binomial(DRAWS, share)


def row_of(ranks, draws=DRAWS):
    return judge_calibration(ranks[:, None], draws).iloc[0]


def test_the_exact_posterior_is_calibrated(coin):
    assert row_of(coin_ranks(coin))["finding"] == "no deviation found"


def test_only_uniformity_catches_a_narrow_guide(coin):
    row = row_of(coin_ranks(coin, concentration=2.0))
    assert row["finding"] == "too narrow"
    assert row["uniformity_holm"] < 0.001 < 0.05 < row["symmetry_holm"]


def test_only_uniformity_catches_a_wide_guide(coin):
    row = row_of(coin_ranks(coin, concentration=0.5))
    assert row["finding"] == "too wide"
    assert row["uniformity_holm"] < 0.001 < 0.05 < row["symmetry_holm"]


@pytest.mark.parametrize(("shift", "finding"), [(-0.05, "too low"), (0.05, "too high")])
def test_symmetry_catches_a_shifted_guide(coin, shift, finding):
    row = row_of(coin_ranks(coin, shift=shift))
    assert row["finding"] == finding
    assert row["symmetry_holm"] < 0.001


def test_a_large_deviation_from_few_draws_is_found_too():
    normal = np.random.default_rng(2).standard_normal(200)
    row = row_of(np.random.default_rng(3).binomial(20, stats.norm.cdf(normal / 0.6)), 20)
    assert row["finding"] == "too narrow"


def test_symmetry_statistic_is_the_two_sample_ks_statistic():
    rng = np.random.default_rng(4)
    for draws in (1000, 10):
        ranks = rng.integers(0, draws + 1, 60)
        expected = stats.ks_2samp(ranks, draws - ranks).statistic
        assert check_symmetry(ranks, draws).statistic == pytest.approx(expected)


def test_symmetry_p_value_is_that_of_all_sign_changes():
    ranks = np.array([9, 10, 7, 5, 8, 2, 10])
    flips = itertools.product((False, True), repeat=len(ranks))
    statistics = [
        stats.ks_2samp(mirrored, 10 - mirrored, method="asymp").statistic
        for flip in flips
        for mirrored in [np.where(flip, 10 - ranks, ranks)]
    ]
    result = check_symmetry(ranks, 10)
    exact = np.mean(np.array(statistics) >= result.statistic - 1e-12)
    assert result.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact / NULL_DRAWS))


def uniformity_statistic(ranks, draws):
    """By SciPy's exact binomial distribution, point by point."""
    tails = []
    for point in range(1, draws + 1):
        law, number = stats.binom(len(ranks), point / (draws + 1)), (ranks < point).sum()
        tails.append(min(1, 2 * law.cdf(number), 2 * law.sf(number - 1)))
    return min(tails)


def test_uniformity_p_value_is_that_of_all_outcomes():
    outcomes = [np.array(each) for each in itertools.product(range(4), repeat=3)]
    statistics = np.array([uniformity_statistic(each, 3) for each in outcomes])
    for ranks in (outcomes[0], outcomes[1], outcomes[30]):
        result = check_uniformity(ranks, 3)
        assert result.statistic == pytest.approx(uniformity_statistic(ranks, 3))
        exact = np.mean(statistics <= result.statistic + 1e-12)
        error = 4 * np.sqrt(exact * (1 - exact) / NULL_DRAWS) + 1e-3
        assert result.p_value == pytest.approx(exact, abs=error)


def test_p_values_are_corrected_by_holm():
    given = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    expected = [0.03, 0.06, np.nan, 0.06, 0.02]
    np.testing.assert_allclose(correct_by_holm(given), expected)
    np.testing.assert_allclose(correct_by_holm(np.array([0.5, 0.9])), [1.0, 1.0])


def test_many_parameters_are_corrected_for():
    ranks = np.random.default_rng(5).integers(0, 101, (100, 40))
    table = judge_calibration(ranks, 100)
    assert len(table) == 40
    assert (table["uniformity_p"] < 0.05).any()
    assert (table["finding"] == "no deviation found").all()


def test_refits_that_are_not_finite_are_counted_and_named():
    ranks = np.random.default_rng(6).integers(0, 101, (100, 2)).astype(float)
    ranks[:7, 0] = np.nan
    ranks[:, 1] = np.nan
    table = judge_calibration(ranks, 100)
    assert table["not_finite"].tolist() == [7, 100]
    assert table["finding"].tolist() == ["7 refits not finite", "no refit is finite"]


def test_histogram_of_counts_with_its_band():
    ranks = np.arange(0, 400) % 101
    bars = histogram(ranks, 100, 20)
    assert bars["count"].sum() == 400
    assert bars["left"].iloc[0] == 0
    assert bars["right"].iloc[-1] == 1
    assert ((bars["low"] <= bars["count"]) & (bars["count"] <= bars["high"])).all()
    crowded = histogram(np.zeros(400, int), 100, 20)
    assert crowded["count"].iloc[0] == 400 > crowded["high"].iloc[0]
