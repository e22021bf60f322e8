"""ELBO by fresh draws from the fitted guide, and the KL divergence it implies."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

MAX_OUTSIDE_SUPPORT = 0.01
"""Share of draws outside the support of the model above which no KL divergence is given."""


def elbo(
    log_weight: Float[np.ndarray, "fit draw"], log_evidence: float = np.nan
) -> dict[str, Float[np.ndarray, " fit"]]:
    """ELBO, and KL(q||p) = ln Z - ELBO where the log evidence ln Z is known.

    Draws where the density of the model is zero or undefined are left out. Strictly, the ELBO of such
    a guide is minus infinity; therefore their share is returned too.

    Parameters
    ----------
    log_weight
        ln p(data, z) - ln q(z) of draws z from the guide q, nats.
    log_evidence
        ln Z in nats, NaN if unknown.

    Returns
    -------
    elbo, elbo_se
        ELBO and its Monte Carlo standard error, nats.
    kl, kl_se
        KL divergence of the guide from the posterior and its standard error, nats; NaN if the evidence
        is unknown or `outside_support` exceeds MAX_OUTSIDE_SUPPORT.
    outside_support
        Share of the draws that were left out.
    """
    mean, error, outside = finite_mean(log_weight)
    excluded = outside > MAX_OUTSIDE_SUPPORT
    return {
        "elbo": mean,
        "elbo_se": error,
        "kl": np.where(excluded, np.nan, log_evidence - mean),
        "kl_se": np.where(np.isnan(log_evidence) | excluded, np.nan, error),
        "outside_support": outside,
    }


def finite_mean(
    values: Float[np.ndarray, "fit draw"],
) -> tuple[Float[np.ndarray, " fit"], Float[np.ndarray, " fit"], Float[np.ndarray, " fit"]]:
    """Mean and standard error of the finite entries, and the share of the others."""
    usable = np.isfinite(values)
    count = usable.sum(-1)
    kept = np.where(usable, values, 0.0).astype(float)
    mean = np.where(count > 0, kept.sum(-1) / np.maximum(count, 1), np.nan)
    squares = np.where(usable, (kept - mean[:, None]) ** 2, 0.0).sum(-1)
    variance = squares / np.maximum(count - 1, 1) / np.maximum(count, 1)
    return mean, np.where(count > 1, np.sqrt(variance), np.nan), 1 - usable.mean(-1)
