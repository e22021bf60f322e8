"""Mock observations: the two ways to make them agree, and follow the exact predictive."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from scipy import stats

from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.predictive import mock_data
from svi_atlas.inference.schedules import Setting

NUM_MOCK = 2000


def model(data):
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(x, 0.5).expand([3]).to_event(1), obs=data and data["y"])


def guide(data):
    numpyro.sample("x", dist.Normal(numpyro.param("loc", 0.0), 0.3))


def test_both_ways_follow_the_exact_predictive():
    data, seeds = {"y": np.zeros(3, np.float32)}, (1, 2)
    last = {"loc": jnp.array([[0.0], [2.0]])}
    drawer = Drawer(model, lambda: guide, data, seeds, (Setting("constant", 0.1),), NUM_MOCK)
    draws = drawer({"loc": last["loc"][None]})
    mock = mock_data(model, lambda: guide, data, last, draws, seeds, NUM_MOCK)
    assert list(mock) == ["mock_draws.y", "mock_guide.y"]
    for values in mock.values():
        assert values.shape == (2, 1, NUM_MOCK, 3)
        for seed, loc in enumerate((0.0, 2.0)):
            law = stats.norm(loc, np.hypot(0.3, 0.5))
            assert stats.kstest(values[seed, 0, :, 0], law.cdf).pvalue > 0.001
    between = np.corrcoef(mock["mock_draws.y"][0, 0].T)
    np.testing.assert_allclose(between[0, 1], 0.3**2 / (0.3**2 + 0.5**2), atol=0.08)
