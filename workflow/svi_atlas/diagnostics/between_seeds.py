"""Do the seeds of a cell end at the same place?

R-hat over seeds (Gelman and Rubin 1992; Vehtari et al. 2021) of the parameters and of the loss. It is
evidence, and no part of the verdict: two seeds at two equal modes disagree although each is at the
optimum of its guide's family, and so do two seeds of a guide whose parameters are not unique.
"""

from __future__ import annotations

import numpy as np

from svi_atlas.diagnostics.final_loss import batch_means
from svi_atlas.diagnostics.rhat import rhat

WINDOW = 0.25
"""Share of a run, from its end, whose iterates and losses are compared."""

BATCHES = 20
"""Means of the losses of so many batches are compared, since single losses are mostly noise."""


def between_seeds(
    snapshots: np.ndarray, loss: np.ndarray, group: np.ndarray
) -> dict[str, np.ndarray]:
    """R-hat over the seeds that share their settings.

    snapshots: unconstrained parameters, (fit, snapshot, parameter); loss: (fit, step), nats; group:
    (fit,), what the seeds of one setting have in common. Returns, each (fit,): `seeds_rhat`, the
    largest over the parameters, and `seeds_rhat_loss`; NaN for a single seed, infinite where a
    parameter or a batch of losses is not finite. And their standard errors, `..._se`, by the jackknife
    over seeds; NaN for fewer than three.
    """
    count = max(2, round(WINDOW * snapshots.shape[1]))
    tail = loss[:, -max(2, round(WINDOW * loss.shape[1])) :].astype(float)
    series = {
        "seeds_rhat": snapshots[:, -count:].astype(float),
        "seeds_rhat_loss": batch_means(tail, BATCHES)[..., None],
    }
    names = [f"{name}{suffix}" for name in series for suffix in ("", "_se")]
    found = {name: np.full(len(group), np.nan) for name in names}
    for value in np.unique(group):
        members = np.flatnonzero(group == value)
        if len(members) > 1:
            for name, values in series.items():
                found[name][members] = rhat(values[members]).max()
                found[f"{name}_se"][members] = _jackknife(values[members])
    return found


def _jackknife(chains: np.ndarray) -> float:
    """Standard error of the largest R-hat of chains (chain, draw, parameter)."""
    count = len(chains)
    if count < 3:
        return np.nan
    without = np.array([rhat(np.delete(chains, one, axis=0)).max() for one in range(count)])
    with np.errstate(invalid="ignore"):
        return float(np.sqrt((count - 1) * without.var()))
