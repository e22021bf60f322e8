"""Expected losses of the four pairings of model and guide, in closed form. Needs NumPy only."""

from __future__ import annotations

import math

import numpy as np

SIGMA1, SIGMA2 = 1.0, 2.0
"""Standard deviations of x and y."""

HALF_BOX = 10.0
"""The factor model's x and y lie in [-HALF_BOX, HALF_BOX]."""

UNIFORM_MEAN_SQUARE = HALF_BOX**2 / 3
"""Mean of x^2 under Uniform(-HALF_BOX, HALF_BOX)."""

STATIONARY_SCALE = HALF_BOX / math.sqrt(3.0)
"""sig1_q and sig2_q at the one stationary point of a factor guide's expected loss, a maximum."""

SCALE_START = {"factor": 2.0, "sample": 1.0, "deterministic": 1.0, "improper": 1.0}
"""Where sig1_q and sig2_q of each guide start."""


def log_evidence(model: str) -> float:
    """Log evidence (nats): 0 for the normalised model "sample"; in "factor" the Uniform is left."""
    if model == "sample":
        return 0.0
    inside = math.prod(math.erf(HALF_BOX / s / math.sqrt(2.0)) for s in (SIGMA1, SIGMA2))
    return math.log(2 * math.pi * inside / (2 * HALF_BOX) ** 2)


def expected_loss(model: str, guide: str, sig1: np.ndarray, sig2: np.ndarray) -> np.ndarray:
    """Expected loss of a pairing at the guide's parameters, tails beyond the box kept.

    For a factor guide this is the expectation of what `Trace_ELBO` reports: the draws come from the
    Uniform, and the factor is counted as part of ln q.

    Parameters
    ----------
    model, guide : "factor" or "sample".
    sig1, sig2 : the guide's scales, arrays of one shape.

    Returns
    -------
    loss : array of the same shape, nats.
    """
    uniform = 2 * np.log(2 * HALF_BOX)
    if guide == "factor":
        square1 = square2 = np.full_like(sig1, UNIFORM_MEAN_SQUARE)
        penalty = 0.5 * UNIFORM_MEAN_SQUARE * (sig1**-2.0 + sig2**-2.0)
        log_guide = -uniform - penalty - np.log(sig1 * sig2)
    else:
        square1, square2 = sig1**2, sig2**2
        log_guide = -1 - np.log(2 * np.pi * sig1 * sig2)
    log_model = -0.5 * (square1 / SIGMA1**2 + square2 / SIGMA2**2) - np.log(SIGMA1 * SIGMA2)
    log_model = log_model - (uniform if model == "factor" else np.log(2 * np.pi))
    return log_guide - log_model
