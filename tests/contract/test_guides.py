"""What every autoguide keeps: a density that is normalised, and the traits that its name is given."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from svi_atlas.guide_traits import AUTOGUIDES, guide_traits
from svi_atlas.inference.cell import fit_and_draw
from svi_atlas.inference.guide_check import check_guide
from svi_atlas.inference.guides import guide_factory, is_point
from svi_atlas.records import Problem

NUM_DRAWS = 4000
COVARIANCE = np.array([[1.0, 0.8], [0.8, 1.0]])
CELL = {
    "experiment": "contract",
    "model": "correlated",
    "block": "grid",
    "label": "particles-8",
    "num_particles": 8,
    "step_sizes": (0.02,),
    "seeds": (1,),
    "num_steps": 1500,
    "num_draws": NUM_DRAWS,
    "num_mock": 0,
    "schedules": ("constant",),
    "until_arrived": False,
    "optimizer": {"name": "Adam", "options": {}},
    "loss": "Trace_ELBO",
}


def correlated(data):
    numpyro.sample("x", dist.MultivariateNormal(jnp.zeros(2), jnp.asarray(COVARIANCE)))


PROBLEM = Problem(
    name="contract",
    source="a correlated Gaussian in two dimensions",
    simulate=lambda key, settings: {},
    models={"correlated": correlated},
    guides={},
)


@pytest.fixture(scope="module")
def draws():
    """Draws x (draw, 2) and ln q(x) (draw,) of an autoguide, fitted once."""
    fitted = {}

    def fit(name):
        if name not in fitted:
            fits = fit_and_draw(
                PROBLEM,
                {**CELL, "guide": name},
                {"nothing": np.zeros(1, np.float32)},
                autoguide=None,
                num_snapshots=20,
                max_stored_mb=1.0,
                report=lambda line: None,
            )
            assert "message" not in fits.attrs, fits.attrs.get("message")
            last = fits.sel(iterate="last").isel(seed=0, setting=0)
            fitted[name] = last["site.x"].to_numpy(), last["log_guide"].to_numpy()
        return fitted[name]

    return fit


@pytest.mark.parametrize("name", AUTOGUIDES)
def test_it_is_made_afresh_and_fits_its_model(name):
    make = guide_factory(PROBLEM, "correlated", name)
    assert make() is not make()
    assert is_point(make()) == guide_traits(name).point
    assert check_guide(correlated, make(), {}) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", AUTOGUIDES)
def test_its_density_is_normalised(draws, name):
    """The mean of p(x) / q(x) over draws from q is 1 for a density p with lighter tails."""
    x, log_guide = draws(name)
    narrow = stats.multivariate_normal(x.mean(0), 0.25 * np.cov(x.T))
    weights = np.exp(narrow.logpdf(x) - log_guide)
    error = weights.std(ddof=1) / np.sqrt(len(weights))
    assert abs(weights.mean() - 1) < 5 * error
    assert error < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", AUTOGUIDES)
def test_only_a_mean_field_guide_misses_the_correlation(draws, name):
    x, _ = draws(name)
    correlation = np.corrcoef(x.T)[0, 1]
    if guide_traits(name).mean_field:
        assert abs(correlation) < 5 / np.sqrt(NUM_DRAWS)
    else:
        assert correlation > 0.6
