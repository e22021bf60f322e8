"""Schedules at known points, and settings in their order."""

import jax.numpy as jnp
import numpy as np
import pytest

from svi_atlas.inference.schedules import SCHEDULES, schedule_factors, settings_of


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("constant", [1, 1, 1, 1]),
        (
            "cosine",
            [1, 0.001 + 0.999 * (1 + 0.5**0.5) / 2, 0.5005, 0.001 + 0.999 * (1 - 0.5**0.5) / 2],
        ),
        ("exponential", [1, 10**-0.75, 10**-1.5, 10**-2.25]),
    ],
)
def test_factors_at_known_points(name, expected):
    np.testing.assert_allclose(schedule_factors(SCHEDULES[name], 4), expected, rtol=1e-5)


def test_warmup_rises_to_the_peak_and_then_decays_as_a_cosine():
    factors = schedule_factors(SCHEDULES["warmup_cosine"], 1000)
    np.testing.assert_allclose(factors[:100], np.arange(100) / 100, atol=1e-6)
    np.testing.assert_allclose(factors[100:], schedule_factors(SCHEDULES["cosine"], 900), atol=1e-5)


def test_a_function_of_ones_own():
    np.testing.assert_allclose(schedule_factors(lambda x: jnp.sqrt(1 - x), 4)[3], 0.5)


def test_settings_are_all_pairs_with_the_schedules_varying_slowest():
    settings = settings_of(["constant", "cosine"], [0.1, 0.2])
    assert [tuple(setting) for setting in settings] == [
        ("constant", 0.1), ("constant", 0.2), ("cosine", 0.1), ("cosine", 0.2),
    ]  # fmt: skip
