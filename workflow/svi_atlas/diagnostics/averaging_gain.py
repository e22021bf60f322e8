"""How much the ELBO gains by averaging the iterates (Polyak and Ruppert).

References
----------
Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging".
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.elbo import finite_mean


def averaging_gain(
    log_weight_last: Float[np.ndarray, "fit draw"],
    log_weight_averaged: Float[np.ndarray, "fit draw"],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """ELBO at the averaged iterate minus ELBO at the last iterate, and its standard error, nats.

    The log weights (nats) of both iterates come from the same random numbers, so that the difference
    has a small standard error. Draws where either is not finite are left out.
    """
    with np.errstate(invalid="ignore"):
        gain, error, _ = finite_mean(log_weight_averaged.astype(float) - log_weight_last)
    return {"averaging_gain": gain, "averaging_gain_se": error}
