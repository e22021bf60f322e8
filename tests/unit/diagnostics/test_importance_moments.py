"""What importance weights correct, against exact answers."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.importance_moments import importance_moments

NUM_DRAWS = 20_000


def corrections(draws, log_weight, seed=None, khat=0.0):
    """The columns of fits, each of a seed of its own if not said otherwise."""
    seed = np.arange(len(draws)) if seed is None else np.asarray(seed)
    return importance_moments({"x": draws}, log_weight, seed, np.broadcast_to(khat, len(draws)))


def of_normal(rng, mean, sd, target=stats.norm, constant=0.0):
    """The columns of a Normal guide for a target density, which need not be normalised."""
    draws = rng.normal(mean, sd, (1, NUM_DRAWS))
    log_weight = target.logpdf(draws) - stats.norm.logpdf(draws, mean, sd) + constant
    columns = corrections(draws, log_weight)
    return {name: float(values[0]) for name, values in columns.items()}


def test_the_posterior_itself_is_corrected_by_nothing(rng):
    columns = of_normal(rng, 0.0, 1.0, constant=-300.0)
    assert columns["psis_mean_error"] == pytest.approx(0, abs=1e-6)
    assert columns["psis_sd_ratio"] == pytest.approx(1, abs=1e-6)
    assert columns["psis_mean_error_noise"] < 1e-3


@pytest.mark.parametrize(("mean", "sd"), [(0.3, 1.0), (0.0, 0.8), (0.1, 1.2)])
def test_the_error_of_a_normal_is_found(rng, mean, sd):
    columns = of_normal(rng, mean, sd)
    error = columns["psis_mean_error_se"] + 1e-6
    assert columns["psis_mean_error"] == pytest.approx(abs(mean), abs=4 * error)
    assert columns["psis_sd_ratio"] == pytest.approx(sd, abs=4 * columns["psis_sd_ratio_se"] + 1e-6)


def test_standard_errors_are_those_of_repetitions(rng):
    draws = rng.normal(0.2, 0.9, (400, 1000))
    log_weight = stats.norm.logpdf(draws) - stats.norm.logpdf(draws, 0.2, 0.9)
    columns = corrections(draws, log_weight, khat=1.0)  # of each fit alone
    for name in ("psis_mean_error", "psis_sd_ratio"):
        spread = columns[name].std(ddof=1)
        assert np.median(columns[f"{name}_se"]) == pytest.approx(spread, rel=0.25)


def test_draws_where_the_density_is_zero_weigh_nothing(rng):
    columns = of_normal(rng, 0.0, 1.0, stats.halfnorm)
    expected = stats.halfnorm()
    shift = expected.mean() / expected.std()
    assert columns["psis_mean_error"] == pytest.approx(shift, abs=0.05)
    assert columns["psis_sd_ratio"] == pytest.approx(1 / expected.std(), rel=0.05)


def test_one_weight_beyond_all_others_is_no_error(rng):
    """Nothing can be said of such a fit; above all it is not accepted."""
    for gap in (50.0, 2000.0):
        draws = rng.normal(size=(1, 4000, 3))
        log_weight = np.zeros((1, 4000))
        log_weight[0, 7] = gap
        columns = corrections(draws, log_weight)
        assert not columns["psis_mean_error"][0] < 0.1


def weighted(rng, mean, sd, size):
    """Draws of Normal guides for the standard Normal in many dimensions, and their log weights."""
    mean, sd = np.reshape(mean, (-1, 1, 1)), np.reshape(sd, (-1, 1, 1))
    draws = mean + sd * rng.normal(size=(len(mean), *size))
    log_weight = (stats.norm.logpdf(draws) - stats.norm.logpdf(draws, mean, sd)).sum(-1)
    return draws, log_weight


def test_other_seeds_lower_the_noise(rng):
    # The weights of one fit have an effective sample size of a few hundred.
    draws, log_weight = weighted(rng, np.zeros(8), np.full(8, 0.9), (4000, 20))
    alone = corrections(draws, log_weight, khat=1.0)
    pooled = corrections(draws, log_weight)
    for name in ("psis_mean_error_noise", "psis_sd_error_noise"):
        assert (pooled[name] < 0.7 * alone[name]).all()
    # The largest of 70 errors of about 0.9, with their noise.
    assert pooled["psis_sd_ratio"] == pytest.approx(np.full(8, 0.9), abs=0.05)


def test_pooled_standard_errors_are_those_of_repetitions(rng):
    columns = []
    for _ in range(100):
        draws, log_weight = weighted(rng, [0.05] * 3, [1.1, 1.2, 1.1], (1000, 1))
        columns.append(corrections(draws, log_weight))
    for name in ("psis_mean_error", "psis_sd_ratio"):
        spread = np.std([each[name] for each in columns], axis=0, ddof=1)
        error = np.median([each[f"{name}_se"] for each in columns], axis=0)
        # 100 repetitions know the spread to 7 %; an error of an sd is overrated by about 20 %.
        assert (error > 0.8 * spread).all()
        assert (error < 1.6 * spread).all()


def test_fits_of_one_seed_share_their_random_numbers_and_are_not_pooled(rng):
    draws, log_weight = weighted(rng, [0.0, 0.0], [0.9, 0.9], (4000, 5))
    together = corrections(draws, log_weight, seed=[1, 1])
    alone = corrections(draws[:1], log_weight[:1])
    for name, values in together.items():
        assert values[0] == pytest.approx(alone[name][0], rel=0.05)


@pytest.mark.parametrize(
    ("spoil", "khat"),
    [
        (lambda draws, log_weight: log_weight.fill(np.nan), 0.0),
        (lambda draws, log_weight: draws.fill(np.inf), 0.0),
        (lambda draws, log_weight: draws.__iadd__(3.0), 0.9),
        # A mode with next to none of the mass.
        (lambda draws, log_weight: (draws.__iadd__(50.0), log_weight.__isub__(20.0)), 0.0),
    ],
    ids=["undefined weights", "infinite draws", "heavy tail", "small mode"],
)
def test_a_fit_that_says_nothing_of_the_posterior_spoils_no_other(rng, spoil, khat):
    draws, log_weight = weighted(rng, np.zeros(4), np.full(4, 0.95), (2000, 3))
    good = corrections(draws[1:], log_weight[1:])
    spoil(draws[0], log_weight[0])
    columns = corrections(draws, log_weight, khat=np.array([khat, 0.0, 0.0, 0.0]))
    for name, values in columns.items():
        assert values[1:] == pytest.approx(good[name], rel=1e-4)
    assert not columns["psis_mean_error"][0] < 0.1
