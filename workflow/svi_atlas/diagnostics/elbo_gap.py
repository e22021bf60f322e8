"""The optimality gap: ELBO still to be gained within the family of the guide, per parameter.

The natural-gradient analogue of the Newton decrement, half the squared length of the gradient of the
ELBO in the metric of the inverse Fisher information of the guide; computed when the guide is drawn
from, by affine changes of its standard Normal base where it has one (`svi_atlas.inference.affine_gain`).

References
----------
Amari (1998), "Natural gradient works efficiently in learning". Boyd and Vandenberghe (2004), "Convex
optimization", 9.5.1.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def elbo_gap(
    total_gap: Float[np.ndarray, " fit"],
    total_gap_se: Float[np.ndarray, " fit"],
    gap_parameters: int,
) -> dict[str, Float[np.ndarray, " fit"]]:
    """Optimality gap and its standard error, nats per parameter; the total is in nats."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "elbo_gap": total_gap.astype(float) / gap_parameters,
            "elbo_gap_se": total_gap_se.astype(float) / gap_parameters,
        }
