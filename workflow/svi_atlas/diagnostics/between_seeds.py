"""Do the seeds of a setting end at the same place?

R-hat over seeds of the parameters and of the loss. It is reported as evidence and is not part of the
verdict: two seeds at two equal modes disagree although each is at the optimum of its guide's family,
and so do two seeds of a guide whose parameters are not unique.

References
----------
Gelman and Rubin (1992), "Inference from iterative simulation using multiple sequences". Vehtari, Gelman,
Simpson, Carpenter, Bürkner (2021), "Rank-normalization, folding, and localization".
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from svi_atlas.diagnostics.batch_means import batch_means
from svi_atlas.diagnostics.rhat import rhat

WINDOW_SHARE = 0.25
"""Share of a run, from its end, whose iterates and losses are compared."""

NUM_BATCHES = 20
"""Losses are compared as means of this many batches, since single losses are mostly noise."""

MIN_JACKKNIFE_SEEDS = 3
"""A standard error needs this many seeds."""


def between_seeds(
    snapshots: Float[np.ndarray, "fit snapshot parameter"],
    loss: Float[np.ndarray, "fit step"],
    setting: Int[np.ndarray, " fit"],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """R-hat over the seeds that share their settings.

    Parameters
    ----------
    snapshots
        Unconstrained parameters.
    loss
        Losses in nats.
    setting
        Number of the setting of each fit. Fits of a cell with the same setting differ in their seed alone.

    Returns
    -------
    seeds_rhat, seeds_rhat_loss
        R-hat over seeds, the largest of the parameters and that of the loss. NaN for a single seed;
        infinite where a parameter or a batch of losses is not finite.
    seeds_rhat_se, seeds_rhat_loss_se
        Standard errors by the jackknife over seeds; NaN for fewer than three.
    """
    count = max(2, round(WINDOW_SHARE * snapshots.shape[1]))
    tail = loss[:, -max(2, round(WINDOW_SHARE * loss.shape[1])) :].astype(float)
    series = {
        "seeds_rhat": snapshots[:, -count:].astype(float),
        "seeds_rhat_loss": batch_means(tail, NUM_BATCHES)[..., None],
    }
    names = [f"{name}{suffix}" for name in series for suffix in ("", "_se")]
    columns = {name: np.full(len(setting), np.nan) for name in names}
    for value in np.unique(setting):
        members = np.flatnonzero(setting == value)
        if len(members) > 1:
            for name, values in series.items():
                columns[name][members] = _largest_rhat(values[members])
                columns[f"{name}_se"][members] = _jackknife_error(values[members])
    return columns


def _largest_rhat(chains: np.ndarray) -> float:
    """Of chains (chain, draw, parameter); 1 for a guide without parameters."""
    return float(rhat(chains).max()) if chains.shape[-1] else 1.0


def _jackknife_error(chains: np.ndarray) -> float:
    """Standard error of the largest R-hat of chains (chain, draw, parameter)."""
    count = len(chains)
    if count < MIN_JACKKNIFE_SEEDS:
        return np.nan
    without = np.array([_largest_rhat(np.delete(chains, one, axis=0)) for one in range(count)])
    with np.errstate(invalid="ignore"):
        return float(np.sqrt((count - 1) * without.var()))
