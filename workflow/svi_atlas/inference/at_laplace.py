"""Autoguides that start at a Laplace approximation."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array
from numpyro import handlers
from numpyro.infer import autoguide

from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.site_order import SortedSites


class AtLaplace(SortedSites):
    """Mixin of autoguides that start at a Laplace approximation.

    They start at its mode; a full-rank Normal with its covariance matrix too, the other Normals with its
    standard deviations.

    model : as for NumPyro's autoguide; laplace : usable, of this model and its data; options : of the
    autoguide.
    """

    def __init__(self, model, *, laplace: Laplace, **options: Any) -> None:
        self.laplace = laplace
        super().__init__(model, **options)

    def __call__(self, *args, **kwargs):
        if self.prototype_trace is None:
            self._setup_prototype(*args, **kwargs)
        with handlers.substitute(data=self._start()):
            return super().__call__(*args, **kwargs)

    def _start(self) -> dict[str, Array]:
        """Parameters at the start by name; those that the class lacks are not read."""
        loc, scale_tril = jnp.asarray(self.laplace.mode), jnp.asarray(self.laplace.scale_tril)
        scale = jnp.sqrt((scale_tril**2).sum(axis=1))
        start = {"loc": loc, "scale": scale, "scale_tril": scale_tril}
        by_name = {f"{self.prefix}_{name}": value for name, value in start.items()}
        to_sites = ravel_pytree(self._init_locs)[1]
        for name in ("loc", "scale"):
            sites = to_sites(start[name])
            by_name |= {f"{site}_{self.prefix}_{name}": value for site, value in sites.items()}
        return by_name


@cache
def start_at_laplace(name: str) -> type:
    """The autoguide of this name, with the mixin AtLaplace."""
    return type(name, (AtLaplace, getattr(autoguide, name)), {})
