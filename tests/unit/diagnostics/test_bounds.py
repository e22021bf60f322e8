"""Bounds from importance weights against closed forms.

A Normal(0, s) guide of a standard Normal has E_q[w^2] = s^2 / sqrt(2 s^2 - 1), times Z^2.
"""

import numpy as np
import pytest

from svi_atlas.diagnostics.bounds import bounds
from svi_atlas.diagnostics.elbo import elbo
from unit.diagnostics.helpers import gaussian_kl, gaussian_log_weights


def gaussian_bounds(rng, sd, log_evidence=-3.0, khat=0.3):
    weights = gaussian_log_weights(rng, 200_000, 0.0, sd, log_evidence)
    return bounds(weights, elbo(weights)["elbo"], np.array([khat]), num_components=1)


@pytest.mark.parametrize("sd", [0.9, 1.0, 1.2])
def test_equal_the_closed_form(rng, sd):
    columns = gaussian_bounds(rng, sd)
    exact = 0.5 * np.log(sd**2 / np.sqrt(2 * sd**2 - 1))
    assert abs(columns["cubo"][0] - (exact - 3.0)) <= 5 * columns["cubo_se"][0] + 1e-9
    distance = 2 * (exact + gaussian_kl(0.0, sd))
    assert abs(columns["d2"][0] - distance) <= 5 * columns["d2_se"][0] + 1e-9


def test_bound_the_evidence_and_the_error(rng):
    columns = gaussian_bounds(rng, 1.2)
    assert columns["cubo"][0] > -3.0
    exact = 0.2 * np.sqrt(2 / np.pi) / 1.2  # 1-Wasserstein, in sds of the guide
    assert columns["w1_bound"][0] > exact


def test_say_nothing_where_the_weights_have_a_heavy_tail(rng):
    columns = gaussian_bounds(rng, 0.9, khat=0.8)
    assert all(np.isnan(values).all() for values in columns.values())


@pytest.mark.parametrize("bad", [-np.inf, np.inf, np.nan])
def test_say_nothing_of_a_fit_with_a_draw_without_a_weight(rng, bad):
    weights = np.concatenate([gaussian_log_weights(rng, 1000, 0.0, 0.9) for _ in range(2)])
    weights[1, 7] = bad
    columns = bounds(weights, elbo(weights)["elbo"], np.zeros(2), num_components=1)
    for values in columns.values():
        np.testing.assert_array_equal(np.isnan(values), [False, True])
