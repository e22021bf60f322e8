"""R-hat: do chains agree, and do the halves of one?

Gelman and Rubin (1992); Gelman et al. (2013), "Bayesian data analysis", 11.4.
"""

from __future__ import annotations

import numpy as np


def rhat(chains: np.ndarray) -> np.ndarray:
    """R-hat of several chains, (chain, ..., draw, parameter) -> (..., parameter).

    1 for a parameter that never moves, infinite for one that is not finite. Equal to ArviZ's
    `rhat(method="identity")`.
    """
    length = chains.shape[-2]
    with np.errstate(divide="ignore", invalid="ignore"):
        within = chains.var(-2, ddof=1).mean(0)
        between = length * chains.mean(-2).var(0, ddof=1)
        still = (within == 0) & (between == 0)
        ratio = between / np.where(still, 1.0, within)
        found = np.where(still, 1.0, np.sqrt((ratio + length - 1) / length))
    return np.where(np.isfinite(chains).all((0, -2)), found, np.inf)


def split_rhat(values: np.ndarray) -> np.ndarray:
    """R-hat of the two halves of each chain, (fit, draw, parameter) -> (fit, parameter)."""
    half = values.shape[1] // 2
    return rhat(np.stack([values[:, :half], values[:, -half:]]).astype(float))
