"""Every random key of the project comes from here."""

from __future__ import annotations

import zlib

import jax


def replica_key(seed: int | jax.Array) -> jax.Array:
    """Key of a fit, shape (2,): the one `SVI.run` would be given for this seed."""
    return jax.random.PRNGKey(seed)


def purpose_key(seed: int | jax.Array, *purpose: str) -> jax.Array:
    """Key for one purpose of one seed, shape (2,), independent of all other purposes and seeds."""
    return jax.random.fold_in(replica_key(seed), zlib.crc32("/".join(purpose).encode()))
