"""What is told of the draws of a scalar."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}

HEADINGS = {"mean": "mean", "sd": "sd", "q05": "5 %", "q50": "50 %", "q95": "95 %"}
"""Of the columns of a table."""


def moments(draws: Float[np.ndarray, " draw"]) -> dict[str, float]:
    """Mean, standard deviation and quantiles by the names of HEADINGS."""
    quantiles = {name: float(np.quantile(draws, share)) for name, share in QUANTILES.items()}
    return {"mean": float(draws.mean()), "sd": float(draws.std()), **quantiles}
