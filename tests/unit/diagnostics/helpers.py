"""Noise and importance weights whose laws are known, for the tests of statistics."""

import numpy as np
from scipy import stats

SNAPSHOT_STEP = np.arange(10, 10_001, 10)
"""Steps of the snapshots of a run of 10,000 steps."""


def autoregression(rng, shape, coefficient, sd=1.0):
    """Stationary AR(1) noise along axis 1, of innovations with this standard deviation."""
    noise = rng.normal(size=shape) * sd
    values = np.empty(shape)
    values[:, 0] = noise[:, 0] / np.sqrt(1 - coefficient**2)
    for step in range(1, shape[1]):
        values[:, step] = coefficient * values[:, step - 1] + noise[:, step]
    return values


def autoregression_error(length, coefficient):
    """Exact sd of the mean of so much stationary AR(1) noise of innovations with sd 1."""
    lag = np.arange(1, length)
    covered = 1 + 2 * ((1 - lag / length) * coefficient**lag).sum()
    return np.sqrt(covered / (1 - coefficient**2) / length)


def gaussian_log_weights(rng, num_draws, mean, sd, log_evidence=0.0):
    """(1, draw) log weights of a Normal(mean, sd) guide for a standard Normal posterior."""
    draws = rng.normal(mean, sd, num_draws)
    weights = stats.norm.logpdf(draws) + log_evidence - stats.norm.logpdf(draws, mean, sd)
    return weights[None]


def gaussian_kl(mean, sd):
    """KL of Normal(mean, sd) from a standard Normal."""
    return (sd**2 + mean**2 - 1) / 2 - np.log(sd)
