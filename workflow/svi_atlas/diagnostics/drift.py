"""Is the fit still moving? Trend of the loss, and stationarity of the parameters.

Windows and split R-hat after Dhaka, Catalina, Andersen, Magnusson, Huggins, Vehtari (2020), "Robust,
accurate stochastic optimization for variational inference", and Welandawe, Andersen, Vehtari,
Huggins (2022), "Robust, automated, and accurate black-box variational inference" (FASO).
"""

from __future__ import annotations

import numpy as np
from arviz_stats.base import array_stats

from svi_atlas.diagnostics.finite import batch_means

LOSS_WINDOW = 0.25
"""Share of the steps, from the end, over which the trend of the loss is measured."""

SHORTEST_WINDOW, LONGEST_WINDOW, NUM_WINDOWS = 200, 0.95, 5
"""Windows of parameter snapshots: from this many steps to this share of the run."""

FEWEST_SNAPSHOTS = 20
"""A window needs as many snapshots for its statistics to mean anything."""

AT_REST, AT_REST_RANGE = 0.01, 1e-3
"""A parameter that moves within a window less than this share of the way Adam could have gone, and
less than this range (unconstrained units), has come to rest."""


def loss_drift(loss: np.ndarray, num_batches: int = 40, stride: int = 1) -> dict[str, np.ndarray]:
    """Linear trend of the loss over the last quarter of the steps.

    loss: (fit, step), nats, each the mean of `stride` steps; non-finite ones are left out. Least squares through batch means, whose
    residuals give the standard error. Returns `loss_drift` and `loss_drift_se`, (fit,), nats per
    1,000 steps.
    """
    window = loss[:, -max(8, round(LOSS_WINDOW * loss.shape[-1])) :].astype(float)
    means = batch_means(np.where(np.isfinite(window), window, np.nan), num_batches)
    batch = window.shape[-1] // means.shape[-1]
    time = (np.arange(means.shape[-1]) - (means.shape[-1] - 1) / 2) * batch * stride / 1000
    with np.errstate(invalid="ignore", over="ignore"):
        slope = (means * time).sum(-1) / (time**2).sum()
        residual = means - means.mean(-1, keepdims=True) - slope[:, None] * time
        variance = (residual**2).sum(-1) / max(len(time) - 2, 1)
        return {"loss_drift": slope, "loss_drift_se": np.sqrt(variance / (time**2).sum())}


def parameter_drift(
    snapshots: np.ndarray, snapshot_step: np.ndarray, step_size: np.ndarray
) -> dict[str, np.ndarray]:
    """Stationarity of the parameters over the best of five windows from the end of the run.

    snapshots: unconstrained parameters, (fit, snapshot, parameter); snapshot_step: (snapshot,);
    step_size: (fit,). The best window is the one in which the parameters' smallest effective sample
    size is largest. A parameter at rest, as in a fit without noise, counts with R-hat 1 and an
    effective sample size of the number of snapshots.
    Returns, each (fit,): `rhat`, the largest split R-hat (infinite if a parameter is not finite);
    `ess`, the smallest effective sample size; `average_mcse`, the largest Monte Carlo standard error of
    a parameter's average over the window (unconstrained units); `window`, its length in steps.
    """
    num_fits = len(snapshots)
    lengths = _windows(snapshot_step)
    rhat = np.full((num_fits, len(lengths)), np.inf)
    ess = np.zeros((num_fits, len(lengths)))
    error = np.full((num_fits, len(lengths)), np.nan)
    for index, (count, steps) in enumerate(lengths):
        window = snapshots[:, -count:].astype(float)
        still = np.minimum(AT_REST * step_size * steps, AT_REST_RANGE)
        moving = np.ptp(window, axis=1) > still[:, None]
        for fit in np.flatnonzero(np.isfinite(window).all((1, 2))):
            values = window[fit][:, moving[fit]]
            rhat[fit, index] = split_rhat(values[None])[0].max(initial=1.0)
            sizes = np.array([effective_size(chain) for chain in values.T])
            ess[fit, index] = sizes.min() if len(sizes) else count
            error[fit, index] = (values.std(0, ddof=1) / np.sqrt(sizes)).max(initial=0.0)
    best = ess.argmax(-1)
    each = np.arange(num_fits)
    return {
        "rhat": rhat[each, best],
        "ess": np.where(np.isfinite(rhat[each, best]), ess[each, best], np.nan),
        "average_mcse": error[each, best],
        "window": np.array([steps for _, steps in lengths])[best],
    }


def _windows(snapshot_step: np.ndarray) -> list[tuple[int, int]]:
    """(snapshots, steps) of each window, shortest first."""
    num_steps = int(snapshot_step[-1])
    longest = LONGEST_WINDOW * num_steps
    lengths = np.geomspace(min(SHORTEST_WINDOW, longest), longest, NUM_WINDOWS)
    counts = [int((snapshot_step > num_steps - length).sum()) for length in lengths]
    usable = {count for count in counts if count >= FEWEST_SNAPSHOTS} or {max(counts)}
    return [(c, num_steps - int(np.append(0, snapshot_step)[-c - 1])) for c in sorted(usable)]


def split_rhat(values: np.ndarray) -> np.ndarray:
    """Split R-hat of one chain per fit and parameter (Gelman et al. 2013, 11.4).

    values: (fit, draw, parameter). Returns (fit, parameter); 1 for a parameter that never moves.
    Equal to ArviZ's `rhat(method="split")`, for all fits at once.
    """
    half = values.shape[1] // 2
    halves = np.stack([values[:, :half], values[:, -half:]]).astype(float)
    within = halves.var(2, ddof=1).mean(0)
    between = half * halves.mean(2).var(0, ddof=1)
    still = (within == 0) & (between == 0)
    ratio = between / np.where(still, 1.0, within)
    return np.where(still, 1.0, np.sqrt((ratio + half - 1) / half))


def effective_size(values: np.ndarray) -> float:
    """Effective sample size of the mean of one chain (draw,), ArviZ's."""
    return float(array_stats.ess(values[None], chain_axis=0, draw_axis=1, method="mean"))
