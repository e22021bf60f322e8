"""Is the fit still moving? Trend of the loss, and stationarity of the parameters.

Windows and split R-hat after Dhaka, Catalina, Andersen, Magnusson, Huggins, Vehtari (2020), "Robust,
accurate stochastic optimization for variational inference", and Welandawe, Andersen, Vehtari,
Huggins (2022), "Robust, automated, and accurate black-box variational inference" (FASO).
"""

from __future__ import annotations

import numpy as np

from svi_atlas.diagnostics.final_loss import batch_means
from svi_atlas.diagnostics.rhat import split_rhat

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

    loss: (fit, step), nats, each the mean of `stride` steps; non-finite ones are left out. Least
    squares through batch means, whose residuals give the standard error. Returns `loss_drift` and
    `loss_drift_se`, (fit,), nats per 1,000 steps.
    """
    slope, error = _trend(loss[:, -_quarter(loss) :], num_batches, stride)
    return {"loss_drift": slope, "loss_drift_se": error}


def loss_acceleration(
    loss: np.ndarray, num_batches: int = 40, stride: int = 1
) -> dict[str, np.ndarray]:
    """Whether the loss falls at a growing rate, quarter by quarter of the run.

    loss: (fit, step), as for `loss_drift`. Returns `loss_acceleration_z` (fit,): the trends of the last
    three quarters are compared with those just before; this is the smaller of the two growths of the
    fall, in their standard errors, and of the fall at first, in its own. NaN for fewer losses than
    three quarters need.
    """
    quarter = _quarter(loss)
    if loss.shape[-1] < 3 * quarter:
        return {"loss_acceleration_z": np.full(len(loss), np.nan)}
    ends = [loss.shape[-1] - age * quarter for age in (2, 1, 0)]
    slopes, errors = np.stack(
        [_trend(loss[:, end - quarter : end], num_batches, stride) for end in ends], axis=1
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        growth = (slopes[:-1] - slopes[1:]) / np.hypot(errors[:-1], errors[1:])
        return {"loss_acceleration_z": np.minimum(growth.min(0), -slopes[0] / errors[0])}


def _quarter(loss: np.ndarray) -> int:
    return max(8, round(LOSS_WINDOW * loss.shape[-1]))


def _trend(window: np.ndarray, num_batches: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Slope of losses (fit, step) and its standard error, nats per 1,000 steps."""
    window = window.astype(float)
    means = batch_means(np.where(np.isfinite(window), window, np.nan), num_batches)
    batch = window.shape[-1] // means.shape[-1]
    time = (np.arange(means.shape[-1]) - (means.shape[-1] - 1) / 2) * batch * stride / 1000
    with np.errstate(invalid="ignore", over="ignore"):
        slope = (means * time).sum(-1) / (time**2).sum()
        residual = means - means.mean(-1, keepdims=True) - slope[:, None] * time
        variance = (residual**2).sum(-1) / max(len(time) - 2, 1)
        return slope, np.sqrt(variance / (time**2).sum())


def parameter_drift(
    snapshots: np.ndarray, snapshot_step: np.ndarray, step_size: np.ndarray
) -> dict[str, np.ndarray]:
    """Stationarity of the parameters over the best of five windows from the end of the run.

    snapshots: unconstrained parameters, (fit, snapshot, parameter); snapshot_step: (snapshot,);
    step_size: (fit,). The best window is the one in which the parameters' smallest effective sample
    size is largest. A parameter at rest, as in a fit without noise, counts with R-hat 1 and an
    effective sample size of the number of snapshots.
    Returns, each (fit,): `rhat`, the largest split R-hat (infinite if a parameter is not finite);
    `ess`, the smallest effective sample size; `rhat_se` and `ess_se`, their standard errors (of those
    parameters; 0 for parameters at rest); `averaged_mcse`, the largest Monte Carlo standard error of
    a parameter's average over the window (unconstrained units); `window`, its length in steps.
    """
    if not snapshots.shape[-1]:  # a guide without parameters is at rest
        snapshots = np.zeros((*snapshots.shape[:2], 1))
    num_fits = len(snapshots)
    each = np.arange(num_fits)
    lengths = _windows(snapshot_step)
    rhat, ess, rhat_se, ess_se, averaged_mcse = np.full((5, num_fits, len(lengths)), np.nan)
    for index, (count, steps) in enumerate(lengths):
        window = snapshots[:, -count:].astype(float)
        still = np.minimum(AT_REST * step_size * steps, AT_REST_RANGE)
        usable = np.isfinite(window).all((1, 2))
        window[~usable] = 0.0
        moving = np.ptp(window, axis=1) > still[:, None]
        chains = window.transpose(0, 2, 1)[moving]
        sizes, size_errors = np.full(moving.shape, float(count)), np.zeros(moving.shape)
        errors = np.zeros(moving.shape)
        sizes[moving], size_errors[moving] = effective_size(chains)
        errors[moving] = chains.std(-1, ddof=1) / np.sqrt(sizes[moving])
        least = np.where(moving, sizes, np.inf).argmin(1)
        drift = np.where(moving, split_rhat(window), 1.0)
        worst = drift.argmax(1)
        drift_error = np.where(moving[each, worst], _rhat_error(window[each, :, worst]), 0.0)
        rhat[:, index] = np.where(usable, drift[each, worst], np.inf)
        rhat_se[:, index] = np.where(usable, drift_error, np.nan)
        ess[:, index] = np.where(usable, sizes[each, least], 0.0)
        ess_se[:, index] = np.where(usable, size_errors[each, least], np.nan)
        averaged_mcse[:, index] = np.where(usable, errors.max(1), np.nan)
    best = ess.argmax(-1)
    return {
        "rhat": rhat[each, best],
        "rhat_se": rhat_se[each, best],
        "ess": np.where(np.isfinite(rhat[each, best]), ess[each, best], np.nan),
        "ess_se": ess_se[each, best],
        "averaged_mcse": averaged_mcse[each, best],
        "window": np.array([steps for _, steps in lengths])[best],
    }


def _rhat_error(chains: np.ndarray) -> np.ndarray:
    """Standard error of the split R-hat of chains (chain, draw).

    With d the difference of the halves' means in sds and n the effective sample size of the chain about
    them, R-hat^2 is about 1 + d^2 / 2, and d has the standard error 2 / sqrt(n): its effect to first
    order in d, and to second, which is left where the halves agree.
    """
    half = chains.shape[-1] // 2
    found = split_rhat(chains[..., None])[:, 0]
    halves = (chains[:, :half], chains[:, -half:])
    centred = [values - values.mean(-1, keepdims=True) for values in halves]
    size, _ = effective_size(np.concatenate(centred, axis=-1))
    excess = np.maximum(found**2 - 1, 0.0)
    return np.sqrt(2 * excess / size + 2 / size**2) / found


def _windows(snapshot_step: np.ndarray) -> list[tuple[int, int]]:
    """(snapshots, steps) of each window, shortest first."""
    num_steps = int(snapshot_step[-1])
    longest = LONGEST_WINDOW * num_steps
    lengths = np.geomspace(min(SHORTEST_WINDOW, longest), longest, NUM_WINDOWS)
    counts = [int((snapshot_step > num_steps - length).sum()) for length in lengths]
    usable = {count for count in counts if count >= FEWEST_SNAPSHOTS} or {max(counts)}
    return [(c, num_steps - int(np.append(0, snapshot_step)[-c - 1])) for c in sorted(usable)]


def effective_size(chains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effective sample size of the mean of each chain, (chain, draw), and its standard error, (chain,).

    Of the two halves of a chain, with the autocorrelations summed up to Geyer's (1992) initial monotone
    sequence (Vehtari et al. 2021, "Rank-normalization, folding, and localization"). Equal to ArviZ's
    `ess(method="mean")`, for all chains at once. The error is that of a sum of as many
    autocorrelations (Madras and Sokal 1988, "The pivot algorithm", appendix C).
    """
    half = chains.shape[-1] // 2
    halves = np.stack([chains[:, :half], chains[:, -half:]], axis=1).astype(float)
    covariance = _autocovariance(halves).mean(1)
    within = covariance[:, 0] * half / (half - 1)
    spread = covariance[:, 0] + halves.mean(-1).var(-1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = 1 - (within[:, None] - covariance) / spread[:, None]
    correlation[:, 0] = 1.0
    # Sums of neighbours, (chain, pair), until one is not positive, none larger than the one before.
    last = max(0, (half - 1) // 2 - 1)
    pairs = correlation[:, 0 : 2 * last + 1 : 2] + correlation[:, 1 : 2 * last + 2 : 2]
    stops = pairs <= 0
    end = np.where(stops.any(1), stops.argmax(1), last)
    falling = np.minimum.accumulate(pairs, axis=1)
    summed = np.where(np.arange(last + 1) < end[:, None], falling, 0.0).sum(1)
    rest = correlation[np.arange(len(chains)), 2 * end]
    rest = np.where(stops.any(1), np.maximum(rest, 0.0), rest)
    length = np.maximum(2 * summed + rest - 1, 1 / np.log10(2 * half))
    constant = np.ptp(halves, axis=(1, 2)) < np.finfo(float).resolution
    size = np.where(constant, 2.0 * half, 2 * half / length)
    return size, np.where(constant, 0.0, size * np.sqrt((4 * end + 2) / half))


def _autocovariance(series: np.ndarray) -> np.ndarray:
    """Of the last axis at every lag, each sum divided by the length."""
    length = series.shape[-1]
    centred = series - series.mean(-1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * length)
    return np.fft.irfft(np.abs(spectrum) ** 2, n=2 * length)[..., :length] / length
