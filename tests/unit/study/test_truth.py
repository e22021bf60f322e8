"""The true error of a fit, against fits whose error is known exactly."""

import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import xarray as xr

from svi_atlas.inference.cell import fit_and_draw
from svi_atlas.problems.base import Problem
from svi_atlas.study.truth import NUM_DRAWS, largest_error_of, true_errors

CORRELATION = 0.6
COVARIANCE = np.array([[1.0, CORRELATION], [CORRELATION, 1.0]])


def model(data):
    numpyro.sample("x", dist.MultivariateNormal(np.zeros(2), COVARIANCE))


def reference():
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(2), COVARIANCE, 200_000)
    return xr.Dataset(
        {"draw.x": (("draw", "k"), draws), "mean.x": ("k", np.zeros(2)), "sd.x": ("k", np.ones(2))}
    )


NOISE = 6 / np.sqrt(NUM_DRAWS)
"""Six standard errors of a mean: nothing is off by more for its draws alone."""


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda x: x, 0.0),
        (lambda x: x + np.array([0.3, 0.0]), 0.3 / np.sqrt(1 - CORRELATION)),
        (lambda x: x * 1.2, np.log(1.2)),
        # The sd of a difference doubles: its quantiles move by 1.645 sd, of which half counts.
        (lambda x: x * np.array([1.0, -1.0]), 1.645 / 2),
    ],
    ids=["exact", "a mean", "both sds", "the sign of the correlation"],
)
def test_the_largest_error_is_the_exact_one(change, error):
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(2), COVARIANCE, NUM_DRAWS)
    found = largest_error_of({"x": change(draws)}, reference())
    # The worst of 50 random directions comes close to the worst of all.
    assert 0.9 * error - NOISE <= found <= error + NOISE


def test_a_draw_that_is_not_finite_has_no_error():
    draws = np.full((10, 2), np.nan)
    assert np.isnan(largest_error_of({"x": draws}, reference()))


@pytest.mark.slow
def test_the_polish_finds_the_optimum_of_the_family():
    problem = Problem("p", "a Normal", lambda key, settings: {}, {"m": model}, {})
    cell = {
        "experiment": "e", "model": "m", "guide": "AutoNormal", "block": "grid", "label": "one",
        "num_particles": 2, "step_sizes": [0.05], "schedules": ["constant"], "seeds": [1, 2],
        "num_steps": 8, "num_draws": 100, "until_arrived": False,
        "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
    }  # fmt: skip
    fits = fit_and_draw(problem, cell, {}, report=lambda line: None)
    table = true_errors(problem, cell, {}, fits, reference())
    assert len(table) == 4
    # Mean field keeps the conditional variances: KL = -ln(1 - r^2) / 2 (Bishop 2006, 10.1.2).
    best = 0.5 * np.log(1 - CORRELATION**2)
    error = 4 * table["polished_elbo_se"].iloc[0]
    assert table["polished_elbo"].iloc[0] == pytest.approx(best, abs=error)
    assert (table["elbo"] < best - 0.05).all(), "after 8 steps the fits are far from it"
