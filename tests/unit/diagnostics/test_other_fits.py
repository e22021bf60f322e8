"""What the fits of a guide say of one another."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.diagnostics.other_fits import other_fits


def fits_of_a_mixture(rng, means, weights=(0.5, 0.5), centres=(-8.0, 8.0), num_draws=4000):
    """Fits by Normals that each sit at one mode of a mixture of two standard Normals."""
    draws = np.array([rng.normal(mean, 1.0, num_draws) for mean in means])
    log_density = np.logaddexp(
        *(
            np.log(weight) + stats.norm.logpdf(draws, centre)
            for weight, centre in zip(weights, centres, strict=True)
        )
    )
    log_guide = np.array(
        [stats.norm.logpdf(row, mean) for row, mean in zip(draws, means, strict=True)]
    )
    return other_fits({"x": draws}, log_density - log_guide)


def test_fits_at_two_labellings_miss_each_others_half(rng):
    columns = fits_of_a_mixture(rng, [-8.0, 8.0, 8.0, -8.0])
    np.testing.assert_allclose(columns["mass_elsewhere"], 0.5, atol=1e-3)
    np.testing.assert_allclose(columns["elbo_deficit"], 0, atol=1e-6)


def test_the_lesser_mode_is_a_local_optimum(rng):
    columns = fits_of_a_mixture(rng, [-8.0, 8.0], (0.2, 0.8))
    np.testing.assert_allclose(columns["elbo_deficit"], [np.log(4), 0], atol=1e-3)
    np.testing.assert_allclose(columns["mass_elsewhere"], [0.8, 0.2], atol=1e-3)


def test_fits_that_agree_miss_nothing(rng):
    columns = fits_of_a_mixture(rng, [8.0, 8.0, 8.0])
    assert (columns["mass_elsewhere"] == 0).all()


def test_a_fit_far_from_everything_accuses_no_other(rng):
    columns = fits_of_a_mixture(rng, [0.0, 0.1, 40.0], centres=(0.0, 0.0))
    assert columns["mass_elsewhere"][0] == pytest.approx(0, abs=1e-6)
    assert columns["elbo_deficit"][2] > 100
    assert columns["mass_elsewhere"][2] > 0.99


def test_in_many_dimensions_equal_fits_do_not_lie_apart(rng):
    draws = rng.normal(size=(3, 500, 5000))
    columns = other_fits({"x": draws}, np.zeros((3, 500)))
    assert (columns["mass_elsewhere"] == 0).all()


def test_a_fit_without_numbers_spoils_no_other(rng):
    draws = rng.normal(size=(3, 1000))
    log_weight = np.zeros((3, 1000))
    draws[0], log_weight[0] = np.nan, np.nan
    columns = other_fits({"x": draws}, log_weight)
    for values in columns.values():
        assert np.isnan(values[0])
        assert (values[1:] == 0).all()
