"""Autoguides as maps of standard Normal draws e to unconstrained coordinates z = f(e).

NumPyro's autoguides with a density are such maps, affine for the Normals and not for the flows. What an
affine change of e would gain is a question that all of them can be asked (`affine_gain.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpyro.distributions as dist
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from numpyro import handlers
from numpyro.distributions.transforms import Transform, biject_to
from numpyro.infer.autoguide import AutoGuide, AutoLowRankMultivariateNormal, AutoNormal

from svi_atlas.guide_traits import AUTOGUIDE_TRAITS

KINDS = ("mean_field", "full_rank", "low_rank", "flow")
"""The traits of guides with a standard Normal base; they say which affine changes their family holds."""

Map = Callable[[Float[Array, " dim"]], tuple[Any, Float[Array, ""]]]
"""e to (f(e), ln |det f'(e)|)."""


@dataclass(frozen=True)
class StandardBase:
    """A guide at given parameters, as a map of standard Normal draws.

    kind: one of KINDS.
    dim: number of unconstrained coordinates.
    transform: e (dim,) to the flat unconstrained coordinates z (dim,), and ln |det dz/de|.
    constrain: z to the values of the sites by name, and the logarithm of its Jacobian determinant.
    covariance_parts: of a low-rank Normal with the covariance matrix F F' + D = R R', in units of its
        own spread: R^-1 F (dim, rank) and R^-1 (dim, dim); None for the other kinds.
    """

    kind: str
    dim: int
    transform: Map
    constrain: Map
    covariance_parts: tuple[Float[Array, "dim rank"], Float[Array, "dim dim"]] | None = None


def standard_base(guide: Callable, params: Mapping[str, Any]) -> StandardBase | None:
    """The map of an autoguide that has been set up.

    Parameters
    ----------
    guide
        The guide, after a first call (as `SVI.init` makes it).
    params
        Its constrained parameters by name.

    Returns
    -------
    None for guides that are no such map: those written by hand, and a fitted point.
    """
    kind = guide_kind(guide)
    if kind is None:
        return None
    distribution, unpack = _find_distribution(guide, params)
    parts = _covariance_parts(guide, params) if kind == "low_rank" else None
    dim = distribution.shape()[0]
    return StandardBase(kind, dim, _find_map(distribution), _find_constraint(guide, unpack), parts)


def guide_kind(guide: Callable) -> str | None:
    """One of KINDS, or None. A subclass is of the kind of NumPyro's class that it is derived from."""
    for cls in type(guide).__mro__:
        if cls.__name__ in AUTOGUIDE_TRAITS:
            traits = AUTOGUIDE_TRAITS[cls.__name__]
            return next((kind for kind in KINDS if getattr(traits, kind)), None)
    return None


def _find_distribution(guide, params) -> tuple[dist.Distribution, Callable]:
    """The guide's distribution of z, (dim,), and the map from z to unconstrained values by site."""
    if isinstance(guide, AutoNormal):
        loc, unpack = ravel_pytree(_site_params(guide, params, "loc"))
        return dist.Normal(loc, ravel_pytree(_site_params(guide, params, "scale"))[0]), unpack
    return handlers.substitute(guide._get_posterior, data=dict(params))(), guide._unpack_latent


def _site_params(guide: AutoNormal, params: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {site: params[f"{site}_{guide.prefix}_{kind}"] for site in guide._init_locs}


def _find_constraint(guide: AutoGuide, unpack: Callable) -> Map:
    """The map from z to constrained values that the guide itself uses."""

    def constrain(z):
        values, log_det = {}, jnp.zeros(())
        for site, unconstrained in unpack(z).items():
            transform = biject_to(guide.prototype_trace[site]["fn"].support)
            values[site], change = _apply(transform, unconstrained)
            log_det += change
        return values, log_det

    return constrain


def _find_map(distribution: dist.Distribution) -> Map:
    """The map that makes a draw of the distribution from a standard Normal draw."""
    match distribution:
        case dist.TransformedDistribution(base_dist=base, transforms=transforms):
            return _compose(_find_map(base), transforms)
        case dist.Independent(base_dist=base):
            return _find_map(base)
        case dist.Normal(loc=loc, scale=scale):
            log_det = jnp.log(jnp.broadcast_to(scale, distribution.shape())).sum()
            return lambda e: (loc + scale * e, log_det)
        case (
            dist.MultivariateNormal(loc=loc, scale_tril=scale)
            | dist.LowRankMultivariateNormal(loc=loc, scale_tril=scale)
        ):
            log_det = jnp.log(jnp.diagonal(scale)).sum()
            return lambda e: (loc + scale @ e, log_det)
    raise TypeError(f"{type(distribution).__name__} is no known map of a standard Normal")


def _compose(first: Map, transforms: list[Transform]) -> Map:
    def transform_all(e):
        z, log_det = first(e)
        for transform in transforms:
            z, change = _apply(transform, z)
            log_det += change
        return z, log_det

    return transform_all


def _apply(transform: Transform, x) -> tuple[Any, Float[Array, ""]]:
    """(transformed x, logarithm of the Jacobian determinant)."""
    y, intermediates = transform.call_with_intermediates(x)
    return y, transform.log_abs_det_jacobian(x, y, intermediates).sum()


def _covariance_parts(guide: AutoLowRankMultivariateNormal, params: Mapping[str, Any]):
    """See `StandardBase`; what a subclass does to NumPyro's Normal afterwards leaves them as they are."""
    with handlers.substitute(data=dict(params)):
        normal = AutoLowRankMultivariateNormal._get_posterior(guide)
    inverse = jnp.linalg.inv(normal.scale_tril)
    return inverse @ normal.cov_factor, inverse
