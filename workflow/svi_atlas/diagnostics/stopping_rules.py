"""What common stopping rules measure at the end of a fit, to compare the verdict with.

References
----------
Kucukelbir, Tran, Ranganath, Gelman, Blei (2017), "Automatic differentiation variational inference" (Stan).
PyMC: `pymc.variational.callbacks.CheckParametersConvergence`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from svi_atlas.diagnostics.batch_means import batch_means

PLATEAU_SHARE = 0.1
"""Two windows of this share of the steps, at the end, are compared, as one does by eye."""

RULE_STEPS = 100
"""Steps between two evaluations of the rules of Stan and PyMC."""

STAN_WINDOW = 10
"""Number of relative changes of the ELBO that Stan's rule looks back on."""


def stopping_rules(
    loss: Float[np.ndarray, "fit step"],
    snapshots: Float[np.ndarray, "fit snapshot parameter"],
    snapshot_step: Int[np.ndarray, " snapshot"],
    stride: int = 1,
) -> dict[str, Float[np.ndarray, " fit"]]:
    """What three common rules compare with their tolerances.

    Parameters
    ----------
    loss
        Losses in nats, each the mean of `stride` steps.
    snapshots
        Unconstrained parameters.
    snapshot_step
        The step, from 1, after which each snapshot was taken.
    stride
        Steps per stored loss.

    Returns
    -------
    plateau_change
        Relative change of the mean loss between the last two windows of 10 %; a plot looks flat below
        about 0.01.
    stan_change
        The smaller of mean and median of the last ten relative changes of the ELBO, every 100 steps;
        Stan's tolerance is 0.01.
    pymc_change
        Largest relative change of a parameter within the last 100 steps; PyMC's tolerance is 0.001.
    """
    window = max(1, round(PLATEAU_SHARE * loss.shape[-1]))
    evaluations = batch_means(loss.astype(float), max(2, loss.shape[-1] * stride // RULE_STEPS))
    before = int(np.searchsorted(snapshot_step, snapshot_step[-1] - RULE_STEPS))
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
