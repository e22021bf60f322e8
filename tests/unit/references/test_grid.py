"""Coordinates of a grid and the sums over it."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.inference.posterior import Posterior
from svi_atlas.references import grid as module
from svi_atlas.references.grid import Grid, Integrals

MEAN, COVARIANCE = np.array([3.0, -1.0]), np.array([[2.0, 0.9], [0.9, 0.5]])


def gaussian(data):
    numpyro.sample("v", dist.MultivariateNormal(jnp.asarray(MEAN), COVARIANCE))


@pytest.fixture(scope="module")
def posterior():
    return Posterior.from_model(gaussian, {}, "here")


def make_grid(posterior, points=121, order=(0, 1)):
    order = np.array(order)
    return Grid(
        posterior=posterior,
        order=order,
        centre=MEAN[order],
        scale=np.linalg.cholesky(COVARIANCE[np.ix_(order, order)]),
        low=np.full(2, -3.0),
        high=np.full(2, 3.0),
        points=np.full(2, points),
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_coordinates_and_stretch_are_inverse(posterior, order):
    grid = make_grid(posterior, order=order)
    t = np.random.default_rng(0).uniform(-3, 3, (50, 2))
    np.testing.assert_allclose(grid.stretch(grid.coordinates(t)), t, atol=1e-10)
    np.testing.assert_allclose(grid.coordinates(np.zeros((1, 2)))[0], MEAN)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_integrals_of_a_gaussian(posterior, order):
    integrals = make_grid(posterior, order=order).integrate(0.0, about=MEAN)
    assert integrals.log_evidence == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(integrals.mean, MEAN, atol=1e-6)
    np.testing.assert_allclose(integrals.sd, np.sqrt(np.diag(COVARIANCE)), rtol=1e-5)


def test_chunks_cover_every_point_in_order(posterior):
    grid = make_grid(posterior, points=301)
    chunks = list(grid.chunks())
    assert len(chunks) > 1
    assert sum(len(chunk.t) for chunk in chunks) == grid.size == 301**2
    np.testing.assert_allclose(chunks[0].t[:301, 1], grid.axis(1))
    table = grid.tabulate()
    assert table.log_weight.shape == (301, 301)
    assert np.exp(table.log_weight).sum() == pytest.approx(1, abs=1e-6)


def test_a_large_grid_is_not_affordable(posterior):
    assert make_grid(posterior).affordable
    assert not make_grid(posterior, points=int(module.MAX_POINTS**0.5) + 1).affordable


def test_changes_are_in_nats_and_in_hundreds_of_sds():
    one = Integrals(0.0, np.array([1.0]), np.array([2.0]))
    assert one.largest_change(Integrals(0.3, np.array([1.0]), np.array([2.0])), 1) == 0.3
    assert one.largest_change(Integrals(0.0, np.array([2.0]), np.array([2.0])), 1) == 0.005
    assert one.largest_change(Integrals(np.nan, np.array([1.0]), np.array([2.0])), 1) == np.inf


def test_extrapolation_removes_an_error_of_second_order():
    coarse, fine = (Integrals(1 + h**2, np.array([h**2]), np.array([2 - h**2])) for h in (0.2, 0.1))
    limit = fine.extrapolate(coarse, 2.0)
    assert limit.log_evidence == pytest.approx(1)
    assert limit.mean[0] == pytest.approx(0)
    assert limit.sd[0] == pytest.approx(2)
