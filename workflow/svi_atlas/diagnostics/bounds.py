"""Bounds on the error of a guide from its importance weights alone, without a reference.

Huggins, Kasprzak, Campbell, Broderick (2020), "Validated variational inference via practical posterior
error bounds": the CUBO (Dieng et al. 2017) bounds the log evidence from above, the ELBO from below, and
what lies between bounds the Renyi divergence of order 2, and through it Wasserstein distances.
"""

from __future__ import annotations

import numpy as np

RELIABLE_KHAT = 0.7
"""Above it the second moment of the weights, and with it every bound, cannot be estimated."""


def bounds(
    log_weight: np.ndarray, elbo: np.ndarray, khat: np.ndarray, num_components: int
) -> dict[str, np.ndarray]:
    """Upper bounds on the evidence, the divergence and the error of means and sds.

    log_weight: (fit, draw), ln p(data, z) - ln q(z), nats; elbo, khat: (fit,); num_components: number of
    scalar components of z. Returns, each (fit,), NaN where k-hat exceeds 0.7 or a weight is undefined
    or zero (the ELBO leaves such draws out, so that it is no bound and its distance means nothing):
    `cubo`, ln E_q[w^2] / 2, at least ln Z, and `cubo_se`, nats;
    `d2`, 2 (CUBO - ELBO), at least the Renyi divergence of order 2, and `d2_se`, nats: good at 0.1 or
        less, correctable by importance sampling up to 4.6;
    `w1_bound`, on the 1-Wasserstein distance with each component in units of the guide's sd, so also
        on the error of each mean: 2 sqrt(components) sqrt(exp(d2) - 1) (their Theorem 4.2).
    """
    weights = log_weight.astype(float)
    with np.errstate(all="ignore"):
        highest = np.max(weights, axis=-1, initial=-np.inf, keepdims=True)
        squares = np.exp(2 * (weights - highest))
        mean = squares.mean(-1)
        relative_error = squares.std(-1, ddof=1) / np.sqrt(squares.shape[-1]) / mean
        cubo = highest[:, 0] + 0.5 * np.log(mean)
        distance = np.maximum(2 * (cubo - elbo), 0.0)
        of_averaged = weights.std(-1, ddof=1) / np.sqrt(weights.shape[-1])
        found = {
            "cubo": cubo,
            "cubo_se": 0.5 * relative_error,
            "d2": distance,
            "d2_se": np.hypot(relative_error, 2 * of_averaged),
            "w1_bound": 2 * np.sqrt(num_components * np.expm1(distance)),
        }
    unknown = ~(khat <= RELIABLE_KHAT) | ~np.isfinite(weights).all(-1)
    return {name: np.where(unknown, np.nan, values) for name, values in found.items()}
