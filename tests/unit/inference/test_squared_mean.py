"""Squared length of a mean: exact for few draws, without bias, and with an honest error."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from svi_atlas.inference.squared_mean import SymmetricProducts, Vectors, estimate_squared_mean

rng = np.random.default_rng(5)


def outer(x, y):
    """(x y' + y x') / 2 of each draw, flattened."""
    product = x[:, :, None] * y[:, None]
    return ((product + product.swapaxes(1, 2)) / 2).reshape(len(x), -1)


def test_it_is_the_mean_inner_product_of_two_different_draws():
    x, y, z = rng.normal(size=(3, 6, 4))
    usable = np.array([True, True, False, True, True, True])
    terms = (
        (1.0, Vectors(jnp.asarray(z))),
        (0.5, SymmetricProducts(jnp.asarray(x), jnp.asarray(y))),
    )
    estimate, error = estimate_squared_mean(terms, jnp.asarray(usable))
    elements = np.concatenate([z, np.sqrt(0.5) * outer(x, y)], 1)[usable]
    expected = np.mean([a @ b for a, b in itertools.permutations(elements, 2)])
    assert estimate == pytest.approx(expected, rel=1e-5)
    assert error > 0


def test_negative_factors_remove_a_part():
    """The symmetrised products without their diagonals."""
    x, y = rng.normal(size=(2, 50, 3))
    elements = outer(x, y).reshape(50, 3, 3) * (1 - np.eye(3))
    terms = (
        (1.0, SymmetricProducts(jnp.asarray(x), jnp.asarray(y))),
        (-1.0, Vectors(jnp.asarray(x * y))),
    )
    estimate, error = estimate_squared_mean(terms, jnp.ones(50, bool))
    direct, direct_error = estimate_squared_mean(
        ((1.0, Vectors(jnp.asarray(elements.reshape(50, -1)))),), jnp.ones(50, bool)
    )
    np.testing.assert_allclose((estimate, error), (direct, direct_error), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("length", "lowest", "highest"),
    [(0.0, 0.9, 1.5), (0.02, 0.9, 1.5), (0.1, 0.9, 1.1), (1.0, 0.9, 1.1)],
)
def test_it_has_no_bias_and_its_error_is_right(length, lowest, highest):
    """Where the mean is zero, where it is lost in the noise (of length 0.06), and far from it.

    The spread of 4,000 estimates is known to about 3 % (they are like chi-squared variables, where the
    mean is zero, and their errors are then on the safe side).
    """
    runs, draws, dim = 4000, 400, 2
    mean = length * np.array([0.6, 0.8])
    x = mean + rng.normal(size=(runs, draws, dim)) * [1.0, 0.5]
    usable = jnp.ones(draws, bool)
    run = jax.jit(jax.vmap(lambda x: estimate_squared_mean(((1.0, Vectors(x)),), usable)))
    estimate, error = np.asarray(run(jnp.asarray(x)), float).T
    spread = estimate.std()
    assert abs(estimate.mean() - length**2) < 4 * spread / np.sqrt(runs)
    assert lowest < np.sqrt((error**2).mean()) / spread < highest
