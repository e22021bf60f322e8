"""Are the parameters stationary at the end of a fit?

Windows and split R-hat of the iterates.

References
----------
Dhaka, Catalina, Andersen, Magnusson, Huggins, Vehtari (2020), "Robust, accurate stochastic optimization
for variational inference". Welandawe, Andersen, Vehtari, Huggins (2022), "Robust, automated, and accurate
black-box variational inference" (FASO).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from svi_atlas.diagnostics.ess import effective_sample_size
from svi_atlas.diagnostics.rhat import split_rhat, split_rhat_error

NUM_WINDOWS = 5
"""Number of windows that are tried, of lengths in geometric progression."""

MIN_WINDOW_STEPS = 200
"""The shortest window, in steps."""

MAX_WINDOW_SHARE = 0.95
"""The longest window, as a share of the run."""

MIN_SNAPSHOTS = 20
"""A window has at least this many snapshots: fewer give no meaningful statistics."""

MAX_REST_SHARE = 0.01
"""A parameter at rest moves within a window less than this share of the way Adam could have gone ..."""

MAX_REST_RANGE = 1e-3
"""... and less than this range, in unconstrained units."""


class Window(NamedTuple):
    """The end of a run: its last `num_snapshots` snapshots, which span `num_steps` steps."""

    num_snapshots: int
    num_steps: int


def parameter_drift(
    snapshots: Float[np.ndarray, "fit snapshot parameter"],
    snapshot_step: Int[np.ndarray, " snapshot"],
    step_size: Float[np.ndarray, " fit"],
) -> dict[str, Real[np.ndarray, " fit"]]:
    """Stationarity of the parameters over the best of five windows from the end of the run.

    The best window is the one in which the smallest effective sample size of a parameter is largest.
    A parameter at rest, as in a fit without noise, has R-hat 1 and as effective sample size the number
    of snapshots.

    Parameters
    ----------
    snapshots
        Unconstrained parameters.
    snapshot_step
        The step, from 1, after which each snapshot was taken.
    step_size
        Step size of each fit.

    Returns
    -------
    rhat, rhat_se
        Largest split R-hat of a parameter, and its standard error (0 for a parameter at rest).
        Infinite if a parameter is not finite.
    ess, ess_se
        Smallest effective sample size of a parameter, and its standard error. NaN if a parameter is
        not finite.
    averaged_mcse
        Largest Monte Carlo standard error of the average of a parameter over the window,
        unconstrained units.
    window
        Length of the window in steps.
    """
    if not snapshots.shape[-1]:  # a guide without parameters is at rest
        snapshots = np.zeros((*snapshots.shape[:2], 1))
    windows = trailing_windows(snapshot_step)
    by_window = [
        _window_statistics(
            snapshots[:, -window.num_snapshots :].astype(float),
            np.minimum(MAX_REST_SHARE * step_size * window.num_steps, MAX_REST_RANGE),
        )
        for window in windows
    ]
    statistics = {
        name: np.stack([values[name] for values in by_window], axis=1) for name in by_window[0]
    }
    fit, best = np.arange(len(snapshots)), statistics["ess"].argmax(-1)
    selected = {name: values[fit, best] for name, values in statistics.items()}
    selected["ess"] = np.where(np.isfinite(selected["rhat"]), selected["ess"], np.nan)
    return {**selected, "window": np.array([window.num_steps for window in windows])[best]}


def trailing_windows(snapshot_step: Int[np.ndarray, " snapshot"]) -> list[Window]:
    """Windows from the end of a run, shortest first: from 200 steps to 95 % of the run."""
    num_steps = int(snapshot_step[-1])
    longest = MAX_WINDOW_SHARE * num_steps
    lengths = np.geomspace(min(MIN_WINDOW_STEPS, longest), longest, NUM_WINDOWS)
    counts = [int((snapshot_step > num_steps - length).sum()) for length in lengths]
    usable = {count for count in counts if count >= MIN_SNAPSHOTS} or {max(counts)}
    starts = np.append(0, snapshot_step)
    return [Window(count, num_steps - int(starts[-count - 1])) for count in sorted(usable)]


def _window_statistics(window: np.ndarray, rest_range: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics, each (fit,), of snapshots (fit, snapshot, parameter) of a window.

    rest_range: (fit,), the range within which a parameter is at rest.
    """
    fit = np.arange(len(window))
    usable = np.isfinite(window).all((1, 2))
    window[~usable] = 0.0
    moving = np.ptp(window, axis=1) > rest_range[:, None]
    chains = window.transpose(0, 2, 1)[moving]
    size, size_error = np.full(moving.shape, float(window.shape[1])), np.zeros(moving.shape)
    mean_error = np.zeros(moving.shape)
    size[moving], size_error[moving] = effective_sample_size(chains)
    mean_error[moving] = chains.std(-1, ddof=1) / np.sqrt(size[moving])
    smallest = np.where(moving, size, np.inf).argmin(1)
    rhat = np.where(moving, split_rhat(window), 1.0)
    worst = rhat.argmax(1)
    rhat_error = np.where(moving[fit, worst], split_rhat_error(window[fit, :, worst]), 0.0)
    return {
        "rhat": np.where(usable, rhat[fit, worst], np.inf),
        "rhat_se": np.where(usable, rhat_error, np.nan),
        "ess": np.where(usable, size[fit, smallest], 0.0),
        "ess_se": np.where(usable, size_error[fit, smallest], np.nan),
        "averaged_mcse": np.where(usable, mean_error.max(1), np.nan),
    }
