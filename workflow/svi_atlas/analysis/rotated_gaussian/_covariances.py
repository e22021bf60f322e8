"""Covariances of draws, and as text."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from svi_atlas.formatting import number

ENTRIES = ("var_first", "cov", "var_second")
"""Names of the entries of a symmetric matrix of two rows."""


def covariance_of(draws: np.ndarray) -> np.ndarray:
    """Covariances (..., 2, 2) of draws (..., draw, 2)."""
    centred = draws.astype(float) - draws.mean(-2, keepdims=True)
    return np.swapaxes(centred, -1, -2) @ centred / (draws.shape[-2] - 1)


def entries_of(covariance: np.ndarray) -> np.ndarray:
    """The ENTRIES of a covariance (2, 2)."""
    return np.asarray(covariance)[[0, 0, 1], [0, 1, 1]]


def matrix_text(entries: Iterable[float]) -> str:
    """The symmetric matrix with these ENTRIES as text: [[5, 4], [4, 5]]."""
    first, both, second = (number(float(value), 4) for value in entries)
    return f"[[{first}, {both}], [{both}, {second}]]"
