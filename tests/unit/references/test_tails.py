"""Which moments exist, on densities where this is known."""

import numpy as np
import pytest
from scipy import stats

from svi_atlas.references.tails import without_moments

HAVE = {
    "normal": stats.norm(), "t(3)": stats.t(3), "t(6)": stats.t(6), "exponential": stats.expon(),
    "bounded": stats.beta(0.5, 0.5), "log-normal": stats.lognorm(1),
}  # fmt: skip
HAVE_NOT = {"Cauchy": stats.cauchy(), "half-Cauchy": stats.halfcauchy(), "t(1)": stats.t(1)}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", HAVE)
def test_a_standard_deviation_that_exists(name, rng):
    for _ in range(5):
        assert without_moments({"x": HAVE[name].rvs(10_000, random_state=rng)}) == ({}, "")


@pytest.mark.parametrize("name", HAVE_NOT)
def test_a_standard_deviation_that_does_not(name, rng):
    draws = np.stack([rng.normal(size=10_000), HAVE_NOT[name].rvs(10_000, random_state=rng)], 1)
    lacking, words = without_moments({"x": draws})
    assert lacking["x"].tolist() == [False, True]
    assert words.startswith("x[1] has no standard deviation")


def test_components_that_cannot_vary_have_their_moments(rng):
    assert without_moments({"x": np.ones((10_000, 2)), "few": rng.normal(size=5)}) == ({}, "")
