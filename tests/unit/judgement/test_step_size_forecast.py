"""The forecast of what a smaller step size buys, and the divergences it rests on."""

import itertools

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
import pytest
from numpyro.infer import autoguide

from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.schedules import settings_of
from svi_atlas.judgement.step_size_forecast import power_law, smaller_step

STEP_SIZES = (0.01, 0.0025, 0.04)
THRESHOLDS = {"rhat": 1.1, "elbo_gap": 0.0005}


def normal(data):
    numpyro.sample("x", dist.Normal(1.0, 2.0))


def test_divergences_between_step_sizes_are_those_of_normals():
    loc, scale = np.array([1.1, 1.0, 1.2]), np.array([2.0, 1.95, 2.1])
    seeds = tuple(range(8))
    iterate = {
        "x_auto_loc": jnp.tile(jnp.float32(loc), (1, len(seeds), 1)),
        "x_auto_scale": jnp.tile(jnp.float32(np.log(np.expm1(scale))), (1, len(seeds), 1)),
    }
    guide = lambda: autoguide.AutoNormal(normal)  # noqa: E731
    settings = settings_of(["constant"], STEP_SIZES)
    draws = Drawer(normal, guide, {}, seeds, settings, 4000)(iterate)

    def exact(one, other):
        ratio = (scale[one] / scale[other]) ** 2
        apart = (loc[one] - loc[other]) ** 2
        return (ratio + 1 / ratio - 2 + apart / scale[one] ** 2 + apart / scale[other] ** 2) / 2

    result, error = draws.step_kl[0], draws.step_kl_se[0]
    assert np.isnan(result[:, 1]).all()  # the smallest step size has no smaller neighbour
    for one, other in ((0, 1), (2, 0)):
        # Second order in the distance: within 2 % here, beside the Monte Carlo error.
        allowed = 0.02 * exact(one, other) + 4 * error[:, one].mean() / np.sqrt(len(seeds))
        assert abs(result[:, one].mean() - exact(one, other)) < allowed
        spread = result[:, one].std(ddof=1)
        assert spread < 2.5 * error[:, one].mean()  # its own sd is known to 27 % from 8 seeds


@pytest.mark.parametrize("kappa", [0.5, 0.73, 1.0])
def test_a_power_law_is_found_again(kappa):
    step_size, constant = np.array([0.001, 0.003, 0.01, 0.05]), 7.0
    larger, smaller = step_size[1:], step_size[:-1]
    result = power_law(larger, smaller, constant * (larger**kappa - smaller**kappa) ** 2)
    assert result == (pytest.approx(kappa), pytest.approx(constant), 3)


def test_one_pair_forecasts_with_the_least_power_and_none_forecasts_nothing():
    kappa, constant, pairs = power_law(np.array([0.04]), np.array([0.01]), np.array([0.02]))
    assert (kappa, pairs) == (0.5, 1)
    assert constant == pytest.approx(0.02 / (0.2 - 0.1) ** 2)
    assert power_law(np.array([0.04]), np.array([0.01]), np.array([np.nan]))[2] == 0


def fits(step_sizes=(0.04, 0.01, 0.0025), **columns):
    """Three seeds at each step size, whose averages are 3 g off the optimum in the Fisher metric."""
    table = pd.DataFrame(
        [(step_size, seed) for step_size in step_sizes for seed in range(3)],
        columns=["step_size", "seed"],
    )
    smaller = table["step_size"].map(dict(itertools.pairwise(step_sizes)))
    table = table.assign(
        model="m", guide="g", block="grid", schedule="constant", label="particles-8", num_particles=8, gap_parameters=4, rhat=1.01, verdict="adequate",
        step_kl=9 * (table["step_size"] - smaller) ** 2,
        elbo_gap=9 * table["step_size"] ** 2 / 2 / 4, elbo_gap_se=1e-5,
    )  # fmt: skip
    return table.assign(**columns)


def test_the_forecast_is_the_optimality_gap():
    result = smaller_step(fits(), THRESHOLDS).set_index("step_size")
    assert list(result.index) == [0.0025, 0.01, 0.04]
    np.testing.assert_allclose(result["predicted"], 9 * result.index**2 / 2, rtol=1e-9)
    np.testing.assert_allclose(result["measured"], result["predicted"], rtol=1e-9)
    np.testing.assert_allclose(result["halving"], result["predicted"] * 3 / 4, rtol=1e-9)
    assert (result["pairs"] == 2).all()


def test_fits_that_do_not_rest_and_single_fits_do_not_count():
    moving = np.where(fits()["step_size"] == 0.0025, 1.5, 1.01)
    result = smaller_step(fits(rhat=moving), THRESHOLDS)
    assert (result["pairs"] == 1).all()
    none = smaller_step(fits(rhat=1.5), THRESHOLDS)
    assert (none["pairs"] == 0).all()
    assert none["predicted"].isna().all()
    assert none["measured"].notna().all()
    both = pd.concat([fits(), fits(block="single", label="single", step_kl=1.0)])
    pd.testing.assert_frame_equal(smaller_step(both, THRESHOLDS), smaller_step(fits(), THRESHOLDS))


def test_a_measurement_drowned_in_its_error_is_missing():
    assert smaller_step(fits(elbo_gap_se=0.1), THRESHOLDS)["measured"].isna().all()


def test_fits_that_failed_have_no_row():
    failed = fits(verdict="failed")[
        [
            "model",
            "guide",
            "block",
            "schedule",
            "label",
            "num_particles",
            "step_size",
            "seed",
            "verdict",
        ]
    ]
    assert smaller_step(failed, THRESHOLDS).empty
    both = pd.concat([failed.assign(guide="other"), fits()], ignore_index=True)
    assert set(smaller_step(both, THRESHOLDS)["guide"]) == {"g"}


def test_a_single_step_size_forecasts_nothing():
    result = smaller_step(fits(step_sizes=(0.01,), step_kl=np.nan), THRESHOLDS)
    assert len(result) == 1
    assert result["predicted"].isna().all()
