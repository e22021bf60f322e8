"""The usual stopping rules, as statistics of a finished fit, to compare the verdict with."""

from __future__ import annotations

import numpy as np

from svi_atlas.diagnostics.final_loss import batch_means

PLATEAU_SHARE = 0.1
"""Two windows of this share of the steps, at the end, are compared by eye."""

EVERY = 100
"""Steps between two evaluations of Stan's and PyMC's rules."""

STAN_WINDOW = 10
"""Relative changes of the ELBO that Stan's rule looks back on."""


def stopping_rules(
    loss: np.ndarray, snapshots: np.ndarray, snapshot_step: np.ndarray, stride: int = 1
) -> dict[str, np.ndarray]:
    """What three common rules compare with their tolerances at the end of a fit.

    loss: (fit, step), each the mean of `stride` steps; snapshots: unconstrained parameters, (fit,
    snapshot, parameter); snapshot_step: (snapshot,). Returns, each (fit,):
    `plateau_change`: relative change of the mean loss between the last two windows of 10 % (a plot
        looks flat below about 0.01);
    `stan_change`: the smaller of mean and median of the last ten relative changes of the ELBO every
        100 steps (Kucukelbir et al. 2017, Automatic differentiation variational inference; Stan's
        tolerance is 0.01);
    `pymc_change`: largest relative change of a parameter within the last 100 steps (PyMC's
        CheckParametersConvergence; tolerance 0.001).
    """
    window = max(1, round(PLATEAU_SHARE * loss.shape[-1]))
    evaluations = batch_means(loss.astype(float), max(2, loss.shape[-1] * stride // EVERY))
    before = int(np.searchsorted(snapshot_step, snapshot_step[-1] - EVERY))
    with np.errstate(all="ignore"):
        earlier = loss[:, -2 * window : -window].mean(-1)
        later = loss[:, -window:].mean(-1)
        relative = np.abs(np.diff(evaluations) / evaluations[:, 1:])[:, -STAN_WINDOW:]
        old, new = snapshots[:, before], snapshots[:, -1]
        moved = np.abs(new - old) / (np.abs(old) + 1e-10)
        return {
            "plateau_change": np.abs((later - earlier) / later),
            "stan_change": np.minimum(relative.mean(-1), np.median(relative, -1)),
            "pymc_change": moved.max(-1),
        }
