"""Autoguides in coordinates in which the posterior is about a standard Normal.

A whitened guide is NumPyro's, for x in z = mode + L x, where L is the Cholesky factor of the covariance
matrix of the Laplace approximation. Its parameters have NumPyro's names and are those of x; a Normal
starts as the Laplace approximation itself, with mean 0 and the identity as its scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float
from numpyro import handlers
from numpyro.distributions.transforms import (
    AffineTransform,
    IndependentTransform,
    LowerCholeskyAffine,
)
from numpyro.infer import autoguide

from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.site_order import SortedSites


class _Whitening(LowerCholeskyAffine):
    """z = mode + L x, multiplied in full precision on every device."""

    def __call__(self, x):
        with jax.default_matmul_precision("highest"):
            return super().__call__(x)


class Whitened(SortedSites, autoguide.AutoContinuous):
    """Mixin of the whitened autoguides.

    model : as for NumPyro's autoguide; laplace : usable, of this model and its data; options : of the
    autoguide.
    """

    _init_latent: Array

    def __init__(self, model, *, laplace: Laplace, **options: Any) -> None:
        self.laplace = laplace
        super().__init__(model, **options)

    @property
    def whitening(self) -> LowerCholeskyAffine:
        """The map from x to z."""
        return _Whitening(jnp.asarray(self.laplace.mode), jnp.asarray(self.laplace.scale_tril))

    def _setup_prototype(self, *args, **kwargs):
        super()._setup_prototype(*args, **kwargs)
        self._init_latent = jnp.zeros_like(self._init_latent)

    def _posterior_of_x(self) -> dist.Distribution:
        return super()._get_posterior()

    def _get_posterior(self):
        return dist.TransformedDistribution(self._posterior_of_x(), self.whitening)


class WhitenedNormal(Whitened):
    """Mixin of those that are Normal in z as well."""

    def __init__(self, model, *, laplace: Laplace, init_scale: float = 1.0, **options: Any) -> None:
        super().__init__(model, laplace=laplace, init_scale=init_scale, **options)

    def _get_posterior(self):
        """The standard Normal and its maps, so that no density needs the inverse of a matrix."""
        loc, scale = _location_and_scale(self._posterior_of_x())
        own = (
            IndependentTransform(AffineTransform(loc, scale), 1)
            if scale.ndim == 1
            else LowerCholeskyAffine(loc, scale)
        )
        return dist.TransformedDistribution(self.get_base_dist(), [own, self.whitening])

    def get_posterior(self, params: dict[str, Any]) -> dist.MultivariateNormal:
        """The Normal of z with these parameters."""
        with handlers.substitute(data=params):
            loc, scale = _location_and_scale(self._posterior_of_x())
        whitening = self.whitening
        with jax.default_matmul_precision("highest"):
            factor = (
                whitening.scale_tril * scale if scale.ndim == 1 else whitening.scale_tril @ scale
            )
        return dist.MultivariateNormal(whitening(loc), scale_tril=factor)

    def get_transform(self, params: dict[str, Any]) -> LowerCholeskyAffine:
        """The map from the standard Normal to z."""
        posterior = self.get_posterior(params)
        return LowerCholeskyAffine(posterior.loc, posterior.scale_tril)

    def median(self, params: dict[str, Any]) -> dict[str, Array]:
        """Median of each site."""
        return self._unpack_and_constrain(self.get_posterior(params).loc, params)

    quantiles = autoguide.AutoMultivariateNormal.quantiles


def _location_and_scale(
    normal: dist.Distribution,
) -> tuple[Float[Array, " dim"], Float[Array, "*shape"]]:
    """Mean of a Normal, and its standard deviations or the Cholesky factor of its covariance matrix."""
    if isinstance(normal, dist.Normal):
        return normal.loc, normal.scale
    return normal.loc, normal.scale_tril


class WhitenedDiagonalNormal(WhitenedNormal, autoguide.AutoDiagonalNormal):
    """Without correlation between the components of x."""


class WhitenedMultivariateNormal(WhitenedNormal, autoguide.AutoMultivariateNormal):
    """The same family as AutoMultivariateNormal."""


class WhitenedLowRankMultivariateNormal(WhitenedNormal, autoguide.AutoLowRankMultivariateNormal):
    """With a covariance matrix of x that is diagonal but for a few directions."""


class WhitenedIAFNormal(Whitened, autoguide.AutoIAFNormal):
    """An inverse autoregressive flow of x."""


class WhitenedBNAFNormal(Whitened, autoguide.AutoBNAFNormal):
    """A block neural autoregressive flow of x."""


WHITENED: Mapping[str, type[Whitened]] = {
    "AutoBNAFNormal": WhitenedBNAFNormal,
    "AutoDiagonalNormal": WhitenedDiagonalNormal,
    "AutoIAFNormal": WhitenedIAFNormal,
    "AutoLowRankMultivariateNormal": WhitenedLowRankMultivariateNormal,
    "AutoMultivariateNormal": WhitenedMultivariateNormal,
}
"""The whitened autoguide of each of NumPyro's that has one."""
