"""What importance weights correct, against exact answers."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.importance_moments import importance_moments

NUM_DRAWS = 20_000


def of_normal(rng, mean, sd, target=stats.norm, constant=0.0):
    """The columns of a Normal guide for a target density, which need not be normalised."""
    draws = rng.normal(mean, sd, (1, NUM_DRAWS))
    log_weight = target.logpdf(draws) - stats.norm.logpdf(draws, mean, sd) + constant
    columns = importance_moments({"x": draws}, log_weight)
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
    columns = importance_moments({"x": draws}, log_weight)
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
        columns = importance_moments({"x": draws}, log_weight)
        assert not columns["psis_mean_error"][0] < 0.1
