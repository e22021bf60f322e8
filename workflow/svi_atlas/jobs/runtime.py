"""How JAX runs inside a job: threads, compiler flags and the cache of compiled programs."""

from __future__ import annotations

import os
from pathlib import Path

XLA_FLAGS = "--xla_cpu_experimental_ynn_fusion_type=-reduce"
"""Sums stay in the loops that make their terms: it matters for arrays as small as ours."""


def limit_threads(threads: int) -> None:
    """Make JAX, BLAS and OpenMP use this many threads; call before JAX computes, BLAS is imported."""
    for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)


def set_compiler_flags() -> None:
    """Add our XLA flag, before the user's own, which win; call before JAX is imported."""
    os.environ["XLA_FLAGS"] = f"{XLA_FLAGS} {os.environ.get('XLA_FLAGS', '')}".strip()


CACHE_BYTES = 1_000_000_000
"""The compiled programs of a run may take this much; the least recently used go first."""


def keep_compiled_programs(folder: Path) -> None:
    """Make JAX keep compiled programs in `folder` for later jobs.

    JAX's keys hold its version, the flags and the machine; a lock makes side by side use safe.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", CACHE_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
