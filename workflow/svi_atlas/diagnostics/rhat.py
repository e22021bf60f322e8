"""R-hat: do chains agree, and do the two halves of one chain?

References
----------
Gelman and Rubin (1992), "Inference from iterative simulation using multiple sequences"; Gelman et al.
(2013), "Bayesian data analysis", 11.4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.ess import effective_sample_size


def rhat(
    chains: Float[np.ndarray, "chain *batch draw parameter"],
) -> Float[np.ndarray, "*batch parameter"]:
    """R-hat of several chains; equal to ArviZ's `rhat(method="identity")`.

    1 for a parameter that never moves, infinite for one that is not finite.
    """
    length = chains.shape[-2]
    with np.errstate(divide="ignore", invalid="ignore"):
        within = chains.var(-2, ddof=1).mean(0)
        between = length * chains.mean(-2).var(0, ddof=1)
        still = (within == 0) & (between == 0)
        ratio = between / np.where(still, 1.0, within)
        values = np.where(still, 1.0, np.sqrt((ratio + length - 1) / length))
    return np.where(np.isfinite(chains).all((0, -2)), values, np.inf)


def split_rhat(
    values: Float[np.ndarray, "fit draw parameter"],
) -> Float[np.ndarray, "fit parameter"]:
    """R-hat of the two halves of each chain."""
    half = values.shape[1] // 2
    return rhat(np.stack([values[:, :half], values[:, -half:]]).astype(float))


def split_rhat_error(chains: Float[np.ndarray, "chain draw"]) -> Float[np.ndarray, " chain"]:
    """Standard error of the split R-hat of each chain.

    With d the difference of the means of the halves in standard deviations and n the effective sample
    size of the chain about them, R-hat^2 is about 1 + d^2 / 2, and d has the standard error
    2 / sqrt(n). The error has the terms of first order in d, and of second order, which remains where
    the halves agree.
    """
    half = chains.shape[-1] // 2
    value = split_rhat(chains[..., None])[:, 0]
    halves = (chains[:, :half], chains[:, -half:])
    centred = [values - values.mean(-1, keepdims=True) for values in halves]
    size, _ = effective_sample_size(np.concatenate(centred, axis=-1))
    excess = np.maximum(value**2 - 1, 0.0)
    return np.sqrt(2 * excess / size + 2 / size**2) / value
