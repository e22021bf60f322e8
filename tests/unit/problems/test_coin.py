"""The coin's exact answers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import log_density
from scipy import special

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key

COIN = problems.load("coin")
SETTINGS = {"heads": 12, "tails": 8}
DATA = COIN.simulate(purpose_key(0, "data"), SETTINGS)


def reference(heads, tails):
    settings = {"heads": heads, "tails": tails}
    return COIN.reference(COIN.simulate(purpose_key(0, "data"), settings), settings)


def test_data_are_the_tosses_asked_for():
    assert DATA["obs"].sum() == 12
    assert DATA["obs"].shape == (20,)
    assert set(DATA["obs"].tolist()) == {0.0, 1.0}


def test_simulated_tosses():
    settings = {"fairness": 0.3, "num_tosses": 4000, "seed": 1}
    key = purpose_key(0, "data")
    obs = COIN.simulate(key, settings)["obs"]
    np.testing.assert_array_equal(obs, COIN.simulate(key, settings)["obs"])
    assert obs.shape == (4000,)
    assert obs.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 4000))
    assert (obs != COIN.simulate(key, {**settings, "seed": 2})["obs"]).any()


def test_reference_is_beta_13_9():
    found = reference(12, 8)
    assert found.mean["latent_fairness"] == pytest.approx(0.590909, abs=5e-7)
    assert found.sd["latent_fairness"] == pytest.approx(0.102519, abs=5e-7)
    assert found.log_evidence == pytest.approx(-14.788322, abs=5e-7)
    draws = found.draws["latent_fairness"]
    assert draws.mean() == pytest.approx(13 / 22, abs=1e-4)
    assert draws.std() == pytest.approx(0.102519, abs=1e-4)


@pytest.mark.parametrize(("heads", "tails"), [(12, 8), (0, 0), (3, 0), (0, 5)])
def test_reference_of_other_data(heads, tails):
    found = reference(heads, tails)
    a, b = 1 + heads, 1 + tails
    assert found.mean["latent_fairness"] == pytest.approx(a / (a + b))
    variance = a * b / (a + b) ** 2 / (a + b + 1)
    assert found.sd["latent_fairness"] == pytest.approx(np.sqrt(variance))
    assert found.log_evidence == pytest.approx(special.betaln(a, b))


def test_density_of_the_reference_is_normalised():
    grid, density = reference(12, 8).density["latent_fairness"]
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-5)
    assert np.trapezoid(density * grid, grid) == pytest.approx(13 / 22, abs=1e-5)


def quadrature():
    """Grid, and the model's joint density on it (without the end points)."""
    grid = np.linspace(0, 1, 20_001)[1:-1]
    data = {"obs": jnp.asarray(DATA["obs"])}

    def joint(fairness):
        return log_density(COIN.models["headstails"], (data,), {}, {"latent_fairness": fairness})[0]

    return grid, np.exp(np.asarray(jax.vmap(joint)(jnp.asarray(grid)), float))


def test_quadrature_of_the_model_gives_the_reference():
    grid, density = quadrature()
    evidence = np.trapezoid(density, grid)
    assert np.log(evidence) == pytest.approx(-14.788322, abs=1e-4)
    mean = np.trapezoid(density * grid, grid) / evidence
    sd = np.sqrt(np.trapezoid(density * (grid - mean) ** 2, grid) / evidence)
    assert mean == pytest.approx(0.590909, abs=1e-4)
    assert sd == pytest.approx(0.102519, abs=1e-4)


def test_derived_quantities_of_the_beta_guide():
    found = COIN.derived({"alpha_q": 13.0, "beta_q": 9.0})
    assert found["mean"] == pytest.approx(0.590909, abs=1e-6)
    assert found["sd"] == pytest.approx(0.102519, abs=1e-6)
    assert COIN.derived({"mean": 0.5, "sd": 0.1}) == {}
