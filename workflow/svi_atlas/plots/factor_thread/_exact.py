"""Expected losses of the four pairings in closed form.

The constants are those of `problems/factor_thread.py`, which needs JAX.
"""

from __future__ import annotations

import numpy as np

SIGMA1, SIGMA2, HALF_BOX = 1.0, 2.0, 10.0
SQUARE = HALF_BOX**2 / 3
"""Mean of x^2 under Uniform(-HALF_BOX, HALF_BOX)."""

PAIRINGS = {
    ("factor", "factor"): ("factor model, factor guide", "#D55E00", "-"),
    ("sample", "factor"): ("sample model, factor guide", "#E69F00", "--"),
    ("factor", "sample"): ("factor model, sample guide", "#0072B2", "-"),
    ("sample", "sample"): ("sample model, sample guide", "#56B4E9", "--"),
}
"""(model, guide) -> label, colour, line."""


def expected_loss(model: str, guide: str, sig1: np.ndarray, sig2: np.ndarray) -> np.ndarray:
    """Expected loss (nats) of a pairing at the guide's parameters, tails beyond the box kept.

    Of a factor guide it is the expectation of what Trace_ELBO reports: draws from the Uniform, the
    factor counted as part of ln q.
    """
    uniform = 2 * np.log(2 * HALF_BOX)
    if guide == "factor":
        square1 = square2 = np.full_like(sig1, SQUARE)
        log_guide = -uniform - 0.5 * SQUARE * (sig1**-2.0 + sig2**-2.0) - np.log(sig1 * sig2)
    else:
        square1, square2 = sig1**2, sig2**2
        log_guide = -1 - np.log(2 * np.pi * sig1 * sig2)
    log_model = -0.5 * (square1 / SIGMA1**2 + square2 / SIGMA2**2) - np.log(SIGMA1 * SIGMA2)
    log_model = log_model - (uniform if model == "factor" else np.log(2 * np.pi))
    return log_guide - log_model
