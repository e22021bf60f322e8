"""Squared length of the mean of random elements of a space with an inner product, without bias.

The elements are vectors, or symmetrised outer products of two vectors, which are never formed: all
costs grow with the number of draws times the square of the dimension at most.

References
----------
Hoeffding (1948), "A class of statistics with asymptotically normal distribution", section 5.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

NUM_SHIFTS = 8
"""Draws with which each draw is paired to estimate the variance of inner products of two draws."""


class Vectors(NamedTuple):
    """A vector x of each draw."""

    x: Float[Array, "draw dim"]

    def product(self, other: Vectors) -> Float[Array, " draw"]:
        """Inner product of each draw with the other's."""
        return (self.x * other.x).sum(-1)

    def product_with_mean(self, weights: Float[Array, " draw"]) -> Float[Array, " draw"]:
        """Inner product of each draw with the weighted mean of all."""
        return self.x @ (weights @ self.x)


class SymmetricProducts(NamedTuple):
    """The matrix (x y' + y x') / 2 of each draw, with the inner product of Frobenius."""

    x: Float[Array, "draw dim"]
    y: Float[Array, "draw dim"]

    def product(self, other: SymmetricProducts) -> Float[Array, " draw"]:
        """Inner product of each draw with the other's."""
        straight = (self.x * other.x).sum(-1) * (self.y * other.y).sum(-1)
        crossed = (self.x * other.y).sum(-1) * (self.y * other.x).sum(-1)
        return (straight + crossed) / 2

    def product_with_mean(self, weights: Float[Array, " draw"]) -> Float[Array, " draw"]:
        """Inner product of each draw with the weighted mean of all."""
        mean = (self.x * weights[:, None]).T @ self.y
        return ((self.x @ (mean + mean.T) / 2) * self.y).sum(-1)


Terms = tuple[tuple[float, Vectors | SymmetricProducts], ...]
"""Factors and elements: the inner product of two draws is the sum of those of the elements by factor."""


def estimate_squared_mean(terms: Terms, usable: Bool[Array, " draw"]) -> Float[Array, 2]:
    """Squared length of the mean of independent draws: the mean inner product of two different draws.

    Parameters
    ----------
    terms
        The draws, (draw, dim) each.
    usable
        Draws to use.

    Returns
    -------
    The estimate, which is unbiased, and its standard error. The variance has a part from how well the
    direction of the mean is known, and one from inner products of pairs, which alone remains where the
    mean is zero.
    """
    count = usable.sum()
    weights = usable / count
    factors, elements = zip(*terms, strict=True)
    own = _combine(factors, [x.product(x) for x in elements])
    with_mean = _combine(factors, [x.product_with_mean(weights) for x in elements])
    with_others = (count * with_mean - own) / (count - 1)
    estimate = weights @ with_others

    def pair_variance(shift):
        """Of inner products of draws `shift` apart, less their means."""
        others, mean_of_others, usable_others = jax.tree.map(
            lambda values: jnp.roll(values, shift, axis=0), (elements, with_mean, usable)
        )
        product = _combine(factors, [x.product(y) for x, y in zip(elements, others, strict=True)])
        centred = product - with_mean - mean_of_others + weights @ with_mean
        pairs = usable & usable_others
        return jnp.where(pairs, centred**2, 0.0).sum() / pairs.sum()

    shifts = jnp.arange(1, min(NUM_SHIFTS + 1, len(usable)))
    of_pairs = jax.lax.map(pair_variance, shifts).mean()
    # The mean of the other draws has an error, which adds to the variance of the products with it.
    of_draws = weights @ (with_others - estimate) ** 2 - of_pairs / count
    variance = 4 * jnp.clip(of_draws, 0.0) / count + 2 * of_pairs / count**2
    return jnp.stack([estimate, jnp.sqrt(variance)])


def _combine(factors: tuple[float, ...], products: list[Array]) -> Float[Array, " draw"]:
    return jnp.stack(
        [factor * product for factor, product in zip(factors, products, strict=True)]
    ).sum(0)
