"""ln q of a multivariate Normal from the noise of its draw, without solving for that noise again.

A full-rank guide draws z = loc + L e and then asks for ln q(z), for which NumPyro solves
L e = z - loc: the e it started from. On the CPU that is one LAPACK call per replica and particle.
Here e is kept, as NumPyro itself keeps the noise of flows (its *intermediates*). Draws are the same
bits; ln q and its gradient are the same up to rounding.

Measured gain: 544 -> 236 ns (rotated Gaussian, AutoMultivariateNormal, 1 particle). Nothing is replaced
outside `accelerated`, nor with a JAX version that was not tested.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from numpyro.primitives import Messenger

from svi_atlas.inference.acceleration.switch import is_active


class CacheBaseNoise(Messenger):
    """Effect handler for a guide: multivariate Normals drawn inside keep the noise of their draws.

    Those that a plate expands are left as they are.
    """

    def process_message(self, msg):
        if not is_active("cached_noise"):
            return
        if msg["type"] == "sample" and not msg["is_observed"]:
            distribution = msg["fn"]
            if type(distribution) is dist.MultivariateNormal:
                msg["fn"] = _MultivariateNormal(
                    distribution.loc, scale_tril=distribution.scale_tril
                )


class _MultivariateNormal(dist.MultivariateNormal):
    def sample_with_intermediates(self, key, sample_shape=()):
        """(draws, [standard Normal noise]), both (*sample_shape, *batch_shape, dimension)."""
        noise = jax.random.normal(key, sample_shape + self.batch_shape + self.event_shape)
        return self.loc + jnp.squeeze(self.scale_tril @ noise[..., None], -1), [noise]

    def log_prob(self, value, intermediates=None):
        """ln q(value) in nats, (*sample_shape, *batch_shape); value is not read if its noise is known."""
        if not intermediates:
            return super().log_prob(value)
        (noise,) = intermediates
        log_det = jnp.log(jnp.abs(jnp.diagonal(self.scale_tril, axis1=-2, axis2=-1))).sum(-1)
        return -0.5 * (noise**2).sum(-1) - log_det - 0.5 * noise.shape[-1] * log(2 * pi)
