"""Moments that do not exist: tails too heavy for a standard deviation.

References
----------
Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling", section 2.4: a tail of
the shape k has moments of order less than 1/k.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Bool, Float

MAX_SHAPE = 0.5
"""From this shape on there is no variance."""

NUM_ERRORS = 2.0
"""Standard errors by which a shape must exceed MAX_SHAPE."""

NUM_CHAINS = 4
"""ArviZ asks for chains; draws here are nearly independent."""


def without_moments(
    draws: Mapping[str, Float[np.ndarray, "draw ..."]],
) -> tuple[dict[str, Bool[np.ndarray, " ..."]], str]:
    """Which components have no standard deviation.

    Parameters
    ----------
    draws : from the posterior, by site.

    Returns
    -------
    lacking : by site, of the site's shape; sites whose components all have one are left out.
    words : the first of them, in words; "" if there is none.
    """
    lacking, words = {}, ""
    for site, values in draws.items():
        mask = np.zeros(values.shape[1:], bool)
        columns = values.reshape(len(values), -1)
        for place, column in zip(np.ndindex(mask.shape), columns.T, strict=True):
            shape = _shape_of_tails(column)
            error = (1 + shape) / np.sqrt(3 * np.sqrt(len(column)))  # the tail has 3 sqrt(S) draws
            if shape - NUM_ERRORS * error > MAX_SHAPE:
                mask[place] = True
                name = site + (f"[{','.join(map(str, place))}]" if place else "")
                words = words or (
                    f"{name} has no standard deviation: the shape of its tails is {shape:.2g}, and a "
                    f"variance needs less than {MAX_SHAPE:g}"
                )
        if mask.any():
            lacking[site] = mask
    return lacking, words


def _shape_of_tails(column: Float[np.ndarray, " draw"]) -> float:
    """Shape of the heavier tail; zero for values that repeat in a tail, or for fewer than 4 draws a chain."""
    length = len(column) // NUM_CHAINS
    chains = column[: NUM_CHAINS * length].reshape(NUM_CHAINS, length)
    if length < NUM_CHAINS or np.ptp(chains) == 0:
        return 0.0
    try:
        return float(array_stats.pareto_khat(chains.astype(float)))
    except ValueError:  # all values of a tail are the same: it ends there
        return 0.0
