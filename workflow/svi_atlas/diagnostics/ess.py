"""Effective sample size of the mean of an autocorrelated chain.

Equal to ArviZ's `ess(method="mean")` of one chain, for many chains at once and with a standard error.

References
----------
Geyer (1992), "Practical Markov chain Monte Carlo". Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021),
"Rank-normalization, folding, and localization". Madras and Sokal (1988), "The pivot algorithm",
appendix C.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def effective_sample_size(
    chains: Float[np.ndarray, "chain draw"],
) -> tuple[Float[np.ndarray, " chain"], Float[np.ndarray, " chain"]]:
    """Effective sample size of the mean of each chain, and its standard error.

    Both halves of a chain contribute, with autocorrelations summed up to Geyer's initial monotone
    sequence. The error is that of a sum of this many autocorrelations (Madras and Sokal). A constant
    chain of n draws has size n (n - 1 if odd) and no error.
    """
    half = chains.shape[-1] // 2
    halves = np.stack([chains[:, :half], chains[:, -half:]], axis=1).astype(float)
    covariance = _autocovariance(halves).mean(1)
    within = covariance[:, 0] * half / (half - 1)
    total = covariance[:, 0] + halves.mean(-1).var(-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1 - (within[:, None] - covariance) / total[:, None]
    correlation[:, 0] = 1.0
    summed, lag = _initial_monotone_sum(correlation, half)
    time = np.maximum(summed, 1 / np.log10(2 * half))
    constant = np.ptp(halves, axis=(1, 2)) < np.finfo(float).resolution
    size = np.where(constant, 2.0 * half, 2 * half / time)
    return size, np.where(constant, 0.0, size * np.sqrt((2 * lag + 2) / half))


def _initial_monotone_sum(correlation: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Integrated autocorrelation time by Geyer's initial monotone sequence, and its last lag.

    Sums of neighbouring autocorrelations, (chain, pair), are added until one is not positive, none
    larger than the one before.
    """
    last = max(0, (half - 1) // 2 - 1)
    pairs = correlation[:, 0 : 2 * last + 1 : 2] + correlation[:, 1 : 2 * last + 2 : 2]
    stops = pairs <= 0
    end = np.where(stops.any(1), stops.argmax(1), last)
    falling = np.minimum.accumulate(pairs, axis=1)
    summed = np.where(np.arange(last + 1) < end[:, None], falling, 0.0).sum(1)
    rest = correlation[np.arange(len(correlation)), 2 * end]
    rest = np.where(stops.any(1), np.maximum(rest, 0.0), rest)
    return 2 * summed + rest - 1, 2 * end


def _autocovariance(series: np.ndarray) -> np.ndarray:
    """Of the last axis at every lag, each sum divided by the length."""
    length = series.shape[-1]
    centred = series - series.mean(-1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * length)
    return np.fft.irfft(np.abs(spectrum) ** 2, n=2 * length)[..., :length] / length
