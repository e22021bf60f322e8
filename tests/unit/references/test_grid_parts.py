"""What is made on a grid: its adaptation, draws, modes and marginal densities."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.references.grid import Grid
from svi_atlas.references.grid_adaptation import adapt_grid, find_starts, resolve_peaks
from svi_atlas.references.grid_draws import draw_from_grid
from svi_atlas.references.grid_marginals import marginal_densities
from svi_atlas.references.grid_modes import separate_modes
from svi_atlas.references.optima import find_maxima

KEY = purpose_key(0, "reference")


def two_modes(data):
    parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 0.5)]
    mixing = dist.Categorical(probs=jnp.array([0.3, 0.7]))
    numpyro.sample("x", dist.MixtureGeneral(mixing, parts))


def adapt(model):
    posterior = Posterior.from_model(model, {}, "here")
    maxima = find_maxima(posterior, find_starts(posterior, KEY))
    return adapt_grid(posterior, maxima, np.arange(posterior.dim)), maxima


@pytest.fixture(scope="module")
def fine():
    grid, maxima = adapt(two_modes)
    assert isinstance(grid, Grid)
    fine = grid.with_points(np.array([4001]))
    return fine, fine.tabulate(), maxima


def test_an_adapted_grid_covers_the_posterior_and_little_more():
    grid, _ = adapt(lambda data: numpyro.sample("x", dist.Normal(100.0, 0.01)))
    ends = grid.coordinates(np.stack([grid.low, grid.high]))
    assert (np.abs((ends[:, 0] - 100) / 0.01) > 5).all()
    assert (np.abs((ends[:, 0] - 100) / 0.01) < 20).all()


def test_a_heavy_tail_is_refused_in_words():
    reason, _ = adapt(lambda data: numpyro.sample("x", dist.Cauchy(0.0, 1.0)))
    assert "tail is too heavy" in reason


def test_narrow_peaks_get_more_points(fine):
    grid, _, maxima = fine
    resolved = resolve_peaks(grid, maxima)
    near = grid.stretch(np.array([[9.5], [10.5]]))[:, 0]
    assert np.ptp(near) > 1.5 * resolved.spacing[0]


def test_draws_are_those_of_the_density(fine):
    grid, table, _ = fine
    draws = draw_from_grid(grid, table, np.random.default_rng(0))["x"]
    assert len(draws) >= 10_000
    assert (draws > 0).mean() == pytest.approx(0.7, abs=0.025)
    assert draws[draws > 0].std() == pytest.approx(0.5, rel=0.05)
    assert draws[draws < 0].std() == pytest.approx(1.0, rel=0.05)


def test_modes_have_their_masses(fine):
    grid, table, maxima = fine
    modes = separate_modes(grid, table, maxima, np.array([9.2]))
    assert [mode.mass for mode in modes] == pytest.approx([0.7, 0.3], abs=1e-6)
    assert [float(mode.centre["x"]) for mode in modes] == pytest.approx([10, -10], abs=1e-3)


def test_a_mode_of_negligible_mass_is_not_named():
    def model(data):
        parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 1.0)]
        mixing = dist.Categorical(probs=jnp.array([0.9999, 0.0001]))
        numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

    grid, maxima = adapt(model)
    assert len(maxima) == 2
    fine = grid.with_points(np.array([4001]))
    assert separate_modes(fine, fine.tabulate(), maxima, np.ones(1)) == ()


def test_marginal_density_of_each_scalar_site():
    def model(data):
        x = numpyro.sample("x", dist.Normal(1.0, 2.0))
        numpyro.sample("y", dist.LogNormal(0.1 * x, 0.3))

    grid, maxima = adapt(model)
    densities = marginal_densities(grid, maxima)
    assert densities.keys() == {"x", "y"}
    for value, density in densities.values():
        assert (np.diff(value) > 0).all()
        assert np.trapezoid(density, value) == pytest.approx(1, abs=1e-3)
    value, density = densities["x"]
    exact = np.exp(-0.5 * ((value - 1) / 2) ** 2) / 2 / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(density, exact, atol=1e-4)
