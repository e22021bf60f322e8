"""Which deterministic sites of a model are looked at beside its latent sites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

MAX_COMPONENTS = 64
"""Larger sites, such as the means of all observations, are left out."""


def deterministic_sites(trace: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Values of the deterministic sites with at most MAX_COMPONENTS real numbers, by name.

    trace: of the model, by site.
    """
    return {
        name: site["value"]
        for name, site in trace.items()
        if site["type"] == "deterministic" and _is_compared(site["value"])
    }


def _is_compared(value: Any) -> bool:
    is_array = hasattr(value, "dtype")  # also of a tracer
    return (
        is_array and jnp.issubdtype(value.dtype, jnp.floating) and 1 <= value.size <= MAX_COMPONENTS
    )
