"""Bounds on the error of a guide from its importance weights alone, without a reference.

The CUBO bounds the log evidence from above, the ELBO from below; what lies between them bounds the Rényi
divergence of order 2, and through it Wasserstein distances.

References
----------
Huggins, Kasprzak, Campbell, Broderick (2020), "Validated variational inference via practical posterior
error bounds". Dieng, Tran, Ranganath, Paisley, Blei (2017), "Variational inference via chi upper bound
minimization".
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MAX_KHAT = 0.7
"""Above it the second moment of the weights, and with it every bound, cannot be estimated."""


def bounds(
    log_weight: Float[np.ndarray, "fit draw"],
    elbo: Float[np.ndarray, " fit"],
    khat: Float[np.ndarray, " fit"],
    num_components: int,
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Upper bounds on the evidence, the divergence and the error of means.

    All are NaN where k-hat exceeds 0.7, or where a weight is undefined or zero: the ELBO leaves such
    draws out, so that it is no bound.

    Parameters
    ----------
    log_weight
        ln p(data, z) - ln q(z) of draws z from the guide q, nats.
    elbo, khat
        ELBO (nats) and Pareto k-hat of the same draws.
    num_components
        Number of scalar components of z.

    Returns
    -------
    cubo, cubo_se
        ln E_q[w^2] / 2, an upper bound on the log evidence, and its standard error, nats.
    d2, d2_se
        2 (CUBO - ELBO), an upper bound on the Rényi divergence of order 2, and its standard error,
        nats. Good up to 0.1; up to 4.6 importance sampling can correct the guide.
    w1_bound
        Upper bound on the 1-Wasserstein distance, each component in standard deviations of the guide,
        and so on the error of each mean: 2 sqrt(components) sqrt(exp(d2) - 1) (Huggins et al., theorem
        4.2).
    """
    weights = log_weight.astype(float)
    with np.errstate(all="ignore"):
        highest = np.max(weights, axis=-1, initial=-np.inf, keepdims=True)
        squares = np.exp(2 * (weights - highest))
        mean = squares.mean(-1)
        relative_error = squares.std(-1, ddof=1) / np.sqrt(squares.shape[-1]) / mean
        cubo = highest[:, 0] + 0.5 * np.log(mean)
        divergence = np.maximum(2 * (cubo - elbo), 0.0)
        elbo_error = weights.std(-1, ddof=1) / np.sqrt(weights.shape[-1])
        columns = {
            "cubo": cubo,
            "cubo_se": 0.5 * relative_error,
            "d2": divergence,
            "d2_se": np.hypot(relative_error, 2 * elbo_error),
            "w1_bound": 2 * np.sqrt(num_components * np.expm1(divergence)),
        }
    unknown = ~(khat <= MAX_KHAT) | ~np.isfinite(weights).all(-1)
    return {name: np.where(unknown, np.nan, values) for name, values in columns.items()}
