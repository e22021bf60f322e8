"""The one switch of all accelerations, and the only state they keep.

JAX looks up its lowering rules and its gamma sampler in module-level tables, so the parts in force are
a property of the process, not of a program; everything traced before a change is forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from svi_atlas.inference.acceleration import gamma, threefry

TESTED_JAX = "0.10.2"
"""The version whose internals these modules were tested with; with any other they do nothing."""

CPU_PARTS = frozenset({"threefry", "gamma"})
"""Parts that replace what JAX does on the CPU; they are left out on other devices."""

PARTS = CPU_PARTS | {"hoist", "cached_noise"}

_active: frozenset[str] | None = None


@contextmanager
def accelerated(parts: frozenset[str] | None = None) -> Iterator[None]:
    """Accelerate the programs that are traced and lowered inside.

    May be nested and may decorate a function. With a JAX version other than TESTED_JAX it logs a warning
    and does nothing.

    Parameters
    ----------
    parts
        A subset of PARTS; without it, those of the surrounding `accelerated`, or all.
    """
    global _active
    if parts is None:
        parts = PARTS if _active is None else _active
    supported = _supported_parts()
    parts = parts & supported
    if not supported or parts == _active:
        yield
        return
    before = _active
    _switch_to(parts)
    try:
        yield
    finally:
        _switch_to(before)


def is_active(part: str) -> bool:
    """Whether a part is in force."""
    return part in (_active or ())


def _supported_parts() -> frozenset[str]:
    if jax.__version__ != TESTED_JAX:
        logging.getLogger(__name__).warning(
            "JAX is %s, not %s: no accelerations, the same draws but slower",
            jax.__version__,
            TESTED_JAX,
        )
        return frozenset()
    return PARTS if jax.default_backend() == "cpu" else PARTS - CPU_PARTS


def _switch_to(parts: frozenset[str] | None) -> None:
    """Put the parts in force and forget what was traced or lowered before."""
    global _active
    threefry.install("threefry" in (parts or ()))
    gamma.install("gamma" in (parts or ()))
    _active = parts
    jax.clear_caches()
