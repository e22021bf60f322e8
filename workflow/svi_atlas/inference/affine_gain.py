"""What an affine change of the standard Normal base of a guide gains: the optimality gap of any guide.

A guide draws z = f(e) with e standard Normal (`standard_base.py`). Let g be the gradient in e of
ln p(f(e)) + ln |det f'(e)| + e'e / 2, u = E g, and M the symmetric part of E[g e']. The change
e -> e + a + B e raises the ELBO by u'a + <M, B> - |a|^2 / 2 - |B|^2 to second order, for a symmetric B
and a posterior that an affine change can reach, so at most by |u|^2 / 2 + |M|^2 / 4. For a multivariate Normal
this is half the squared length of the natural gradient (Amari 1998), whatever the number of its parameters; a
flow may gain more. A narrower family of Normals reaches the part of (u, M) in its own directions; the
rest is what the best member of that family leaves to wider ones.

Nothing is seen of modes where the guide does not draw.

References
----------
Amari (1998), "Natural gradient works efficiently in learning". Roeder, Wu and Duvenaud (2017), "Sticking
the landing": g has no score term, so that its noise vanishes where the guide is the posterior.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree, UInt32

from svi_atlas.inference.densities import evaluate_model, map_draws
from svi_atlas.inference.parameters import FittedGuide, fitted_guide
from svi_atlas.inference.squared_mean import (
    SymmetricProducts,
    Terms,
    Vectors,
    estimate_squared_mean,
)
from svi_atlas.inference.standard_base import StandardBase, standard_base

MAX_SHARE_NOT_FINITE = 0.01
"""With a larger share of draws without finite gradients nothing is known."""

MIN_SHARE_OF_VARIANCE = 1e-6
"""A direction of a low-rank covariance matrix with less of its variance does not count as fitted."""

MIN_LENGTH = 1e-3
"""Relative length below which a vector is rounding error of a projection."""


class AffineGain(NamedTuple):
    """What affine changes of the base of a guide gain.

    within, within_se: ELBO gained by those inside the family of the guide, nats, and its standard error.
    beyond, beyond_se: by all others, nats.
    gradient_scale: root mean square of the gradient of ln p in unconstrained coordinates, largest over
        smallest component.
    elbo: of the guide, from the same draws, nats; None where only gradients are known.

    The others are NaN where more than MAX_SHARE_NOT_FINITE of the draws have no finite gradient.
    """

    within: Float[Array, ""]
    within_se: Float[Array, ""]
    beyond: Float[Array, ""]
    beyond_se: Float[Array, ""]
    gradient_scale: Float[Array, ""]
    elbo: Float[Array, ""] | None = None


def estimate_gain(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    unconstrained: PyTree,
    key: UInt32[Array, 2],
    num_draws: int,
    at_once: int | None = None,
) -> AffineGain | None:
    """Estimate what affine changes of the base gain for one fit; call it where its result is traced.

    Parameters
    ----------
    model, make_guide
        The model, and a function that makes the guide afresh.
    data
        Arrays by name; the density is of all of them, also where a fit looks at minibatches.
    unconstrained
        Parameters of the fit as the optimiser sees them.
    key
        Of the draws.
    num_draws, at_once
        Draws from the base, and how many of them are evaluated together (all by default).

    Returns
    -------
    None for guides without a standard Normal base.
    """
    fit = fitted_guide(model, make_guide, data, unconstrained)
    return gain_of_fit(model, fit, data, key, num_draws, at_once)


def gain_of_fit(
    model: Callable,
    fit: FittedGuide,
    data: Mapping[str, Any],
    key: UInt32[Array, 2],
    num_draws: int,
    at_once: int | None = None,
) -> AffineGain | None:
    """`estimate_gain` for a guide that has been set up."""
    base = _find_base(fit)
    if base is None:
        return None
    log_density = partial(_log_density, model, fit.guide_params, data, base)
    differentiate = partial(_differentiate, base, log_density)
    noise_key, model_key = jax.random.split(key)
    noise = jax.random.normal(noise_key, (num_draws, base.dim))
    keys = jax.random.split(model_key, num_draws)
    *gradients, log_weight = map_draws(differentiate, (noise, keys), at_once or num_draws)
    gain = affine_gain(base, noise, *gradients)
    return gain._replace(elbo=jnp.nanmean(jnp.where(jnp.isfinite(log_weight), log_weight, jnp.nan)))


def count_gap_parameters(fit: FittedGuide, unconstrained: PyTree) -> int:
    """Number of parameters that the gain within the family is shared among.

    Those of the guide, but of the affine changes of the base for a flow, whose networks have many more.
    """
    base = _find_base(fit)
    if base is not None and base.kind == "flow":
        return base.dim * (base.dim + 3) // 2
    return sum(leaf.size for leaf in jax.tree.leaves(unconstrained))


def affine_gain(
    base: StandardBase,
    noise: Float[Array, "draw dim"],
    gradient: Float[Array, "draw dim"],
    density_gradient: Float[Array, "draw dim"],
) -> AffineGain:
    """The gain from draws of the base.

    Parameters
    ----------
    base
        Whose `kind` and `covariance_parts` say what lies within the family.
    noise, gradient
        e, and g as the module defines it.
    density_gradient
        Of ln p in unconstrained coordinates.
    """
    usable = jnp.isfinite(gradient).all(-1) & jnp.isfinite(density_gradient).all(-1)
    gradient, density_gradient = (
        jnp.where(usable[:, None], values, 0.0) for values in (gradient, density_gradient)
    )
    within, beyond = _split_by_family(base, gradient, noise)
    scale = jnp.sqrt((density_gradient**2).sum(0) / usable.sum())
    inside = estimate_squared_mean(within, usable) / 2
    outside = estimate_squared_mean(beyond, usable) / 2 if beyond else jnp.zeros(2)
    gain = AffineGain(inside[0], inside[1], outside[0], outside[1], scale.max() / scale.min())
    return _if_known(gain, usable)


def _find_base(fit: FittedGuide) -> StandardBase | None:
    return standard_base(fit.guide, fit.guide_params) if fit.drawn_as_fitted else None


def _if_known(gain: AffineGain, usable: Bool[Array, " draw"]) -> AffineGain:
    known = 1 - usable.mean() <= MAX_SHARE_NOT_FINITE
    return jax.tree.map(lambda value: jnp.where(known, value, jnp.nan), gain)


def _log_density(model, params, data, base: StandardBase, z, key) -> Float[Array, ""]:
    """ln p(data, z) in unconstrained coordinates, nats."""
    sites, log_det = base.constrain(z)
    return evaluate_model(model, data, params, sites, key).log_joint + log_det


def _differentiate(base: StandardBase, log_density: Callable, draw):
    """(g, gradient of ln p in z, ln p - ln q) of one draw (noise, key).

    The model's gradient is computed once.
    """
    noise, key = draw
    (z, log_det), pull_back = jax.vjp(base.transform, noise)
    log_p, density_gradient = jax.value_and_grad(log_density)(z, key)
    (gradient,) = pull_back((density_gradient, jnp.ones(())))
    log_q = jax.scipy.stats.norm.logpdf(noise).sum() - log_det
    return gradient + noise, density_gradient, log_p - log_q


def _split_by_family(base: StandardBase, gradient, noise) -> tuple[Terms, Terms]:
    """The squared length |u|^2 + |M|^2 / 2 inside the family of the guide, and outside it."""
    mean, whole = (1.0, Vectors(gradient)), SymmetricProducts(gradient, noise)
    match base.kind:
        case "mean_field":
            diagonal = Vectors(gradient * noise)
            return (mean, (0.5, diagonal)), ((0.5, whole), (-0.5, diagonal))
        case "low_rank":
            outside = _outside_low_rank(base, gradient, noise)
            rest = tuple((-factor, term) for factor, term in outside)
            return (mean, (0.5, whole), *rest), outside
    return (mean, (0.5, whole)), ()


def _outside_low_rank(base: StandardBase, gradient, noise) -> Terms:
    """The part of |M|^2 / 2 that no change of a low-rank covariance matrix F F' + D reaches.

    In the base, with G = R^-1 F and w_k the columns of R^-1, its changes are G X' + X G' for any X, and
    sums of w_k w_k'. The rest of M is what P M P, with P the projection that removes the columns of G,
    has outside the sums of (P w_k) (P w_k)', whose inner products are the squares of those of the P w_k.
    """
    assert base.covariance_parts is not None
    factor, inverse = base.covariance_parts
    share, directions = jnp.linalg.eigh(factor.T @ factor)
    inverse_share = jnp.where(share > MIN_SHARE_OF_VARIANCE, 1 / share, 0.0)
    remove = jnp.eye(base.dim) - (factor @ directions * inverse_share) @ (factor @ directions).T
    columns = remove @ inverse / jnp.linalg.norm(inverse, axis=0)
    length = jnp.linalg.norm(columns, axis=0)
    columns = jnp.where(length > MIN_LENGTH, columns / jnp.maximum(length, MIN_LENGTH), 0.0)
    value, vectors = jnp.linalg.eigh((columns.T @ columns) ** 2)
    independent = value > 1e-5 * value[-1]
    to_basis = vectors * jnp.where(
        independent, 1 / jnp.sqrt(jnp.where(independent, value, 1.0)), 0.0
    )
    of_diagonal = Vectors((gradient @ columns) * (noise @ columns) @ to_basis)
    remaining = SymmetricProducts(gradient @ remove, noise @ remove)
    return (0.5, remaining), (-0.5, of_diagonal)
