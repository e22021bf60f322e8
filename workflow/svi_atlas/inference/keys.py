"""Every random key of the project comes from here."""

from __future__ import annotations

import zlib

import jax
from jaxtyping import Array, Int, UInt32


def replica_key(seed: int | Int[Array, ""] | UInt32[Array, ""]) -> UInt32[Array, 2]:
    """Key of a fit: the one `SVI.run` would be given for this seed."""
    return jax.random.PRNGKey(seed)


def purpose_key(seed: int | Int[Array, ""], *purpose: str) -> UInt32[Array, 2]:
    """Key for one purpose of one seed, independent of all other purposes and seeds."""
    return jax.random.fold_in(replica_key(seed), zlib.crc32("/".join(purpose).encode()))
