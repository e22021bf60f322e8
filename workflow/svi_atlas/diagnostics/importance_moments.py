"""Means and standard deviations of a guide against those that importance weights give.

Weighted by p/q, draws from the guide are draws from the posterior, as far as the guide reaches. The
difference needs no reference, and both sides share the noise of the draws, which cancels where the weights
are equal. The draws of other seeds, weighted alike, say the same of the posterior with noise of their own;
each component takes of both the share that leaves least noise. It says nothing where the weights have a heavy
tail (see `khat`) or where no guide ever draws.

References
----------
Vehtari, Simpson, Gelman, Yao, Gabry (2024), "Pareto smoothed importance sampling".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Bool, Float, Int
from scipy.special import logsumexp, softmax

from svi_atlas.diagnostics.components import directions, flatten, largest_error, varying
from svi_atlas.diagnostics.khat import khat_limit, tail_size


def importance_moments(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    log_weight: Float[np.ndarray, "fit draw"],
    seed: Int[np.ndarray, " fit"],
    khat: Float[np.ndarray, " fit"],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest correction of a mean and of a standard deviation by Pareto smoothed importance sampling.

    Compared are all components of all sites, and linear combinations of them (`components.directions`).

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    log_weight
        ln p(data, z) - ln q(z) of these draws, nats. Zero weights (minus infinity) count; a fit with an
        undefined or infinite weight gets NaN.
    seed
        Seed of each fit. Fits of one seed share their random numbers, so that only those of other seeds are
        asked what the posterior is.
    khat
        Pareto k-hat of each fit; a fit whose k-hat is too large is not asked.

    Returns
    -------
    psis_mean_error, psis_mean_error_se
        Largest |mean - corrected mean| in corrected standard deviations, and its standard error.
    psis_sd_ratio, psis_sd_ratio_se
        Standard deviation over the corrected one, where it is farthest from 1 (in log), and its
        standard error.
    psis_mean_error_low, psis_mean_error_noise, psis_sd_error_low, psis_sd_error_noise
        See `components.largest_error`.
    """
    values = np.concatenate([flatten(draws[site]) for site in sorted(draws)], axis=-1).astype(float)
    log_weight = log_weight.astype(float)
    columns = {name: np.full(len(values), np.nan) for name in NAMES}
    usable = np.isfinite(values).all((1, 2)) & np.isfinite(log_weight.max(1))
    reliable = usable & (khat < khat_limit(log_weight.shape[1]))
    with np.errstate(all="ignore"):  # one weight beyond all others
        fits = {
            int(fit): _Fit(values[fit], log_weight[fit], int(seed[fit]))
            for fit in np.flatnonzero(usable)
        }
        pooled = [fits[int(fit)] for fit in np.flatnonzero(reliable)]
        pool = _Pool.of(pooled) if pooled else None
        for number, fit in fits.items():
            for name, value in _compare(fit, pool).items():
                columns[name][number] = value
    return columns


NAMES = tuple(
    f"psis_{name}"
    for name in (
        "mean_error",
        "mean_error_se",
        "mean_error_low",
        "mean_error_noise",
        "sd_ratio",
        "sd_ratio_se",
        "sd_error_low",
        "sd_error_noise",
    )
)


class _Fit:
    """Draws of a fit with their smoothed weights.

    Attributes
    ----------
    values, weights
        Components of the draws, and importance weights with mean 1.
    seed
        Fits of one seed share their random numbers.
    log_share
        Logarithm of the weight of the fit among others: the evidence that its draws have found times
        their effective sample size.
    """

    def __init__(
        self,
        values: Float[np.ndarray, "draw component"],
        log_weight: Float[np.ndarray, " draw"],
        seed: int,
    ):
        self.values, self.seed = values, seed
        self.weights = _smooth(log_weight)
        self.log_share = float(logsumexp(log_weight) - np.log((self.weights**2).mean()))

    def expect(self, values: Float[np.ndarray, "draw ..."]) -> Float[np.ndarray, " ..."]:
        """The mean over the posterior, by the weights."""
        mean: np.ndarray = np.tensordot(self.weights, values, 1) / len(self.weights)
        return mean


@dataclass(frozen=True)
class _Scale:
    """What draws are standardised with.

    Attributes
    ----------
    kept
        Which components vary.
    mean, sd
        Of the components that do.
    combined_mean, combined_sd
        Of linear combinations of the standardised components.
    """

    kept: Bool[np.ndarray, " component"]
    mean: Float[np.ndarray, " kept"]
    sd: Float[np.ndarray, " kept"]
    combined_mean: Float[np.ndarray, " direction"]
    combined_sd: Float[np.ndarray, " direction"]

    @staticmethod
    def of(fits: list[_Fit], shares: list[float]) -> _Scale:
        """The moments of the posterior that fits give together, each with its share."""

        def moments(values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            members = list(zip(fits, shares, values, strict=True))
            mean = sum(share * fit.expect(each) for fit, share, each in members)
            square = sum(share * fit.expect((each - mean) ** 2) for fit, share, each in members)
            return np.asarray(mean), np.sqrt(square)

        spread = [varying(fit.values.mean(0), fit.values.std(0)) for fit in fits]
        kept = np.any(spread, axis=0)
        mean, sd = moments([fit.values[:, kept] for fit in fits])
        weights = directions(len(mean))
        combined = moments([(fit.values[:, kept] - mean) / sd @ weights for fit in fits])
        return _Scale(kept, mean, sd, *combined)

    def terms(self, fit: _Fit) -> Float[np.ndarray, "draw moment quantity"]:
        """z and z^2 - 1 of the standardised components, and of their combinations."""
        standard = (fit.values[:, self.kept] - self.mean) / self.sd
        combined = standard @ directions(standard.shape[1])
        combined = (combined - self.combined_mean) / self.combined_sd
        z = np.concatenate([standard, combined], axis=1)
        return np.stack([z, z**2 - 1], axis=1)


@dataclass(frozen=True)
class _Pool:
    """What the fits of a cell say of the posterior, seed by seed.

    Attributes
    ----------
    scale
        What their draws are standardised with.
    share, total, variance
        By seed: the sum of the shares of its fits, and of their moments times these shares, with the
        square of its standard error.
    """

    scale: _Scale
    share: dict[int, float]
    total: dict[int, Float[np.ndarray, "moment quantity"]]
    variance: dict[int, Float[np.ndarray, "moment quantity"]]

    @staticmethod
    def of(fits: list[_Fit]) -> _Pool:
        """The pool of fits whose weights are reliable."""
        logs = np.array([fit.log_share for fit in fits])
        shares = softmax(logs)
        scale = _Scale.of(fits, list(shares))
        share: dict[int, float] = {}
        total: dict[int, np.ndarray] = {}
        noise: dict[int, np.ndarray] = {}
        for fit, own in zip(fits, shares, strict=True):
            terms, key = scale.terms(fit), fit.seed
            mean = fit.expect(terms)
            share[key] = share.get(key, 0.0) + own
            total[key] = total.get(key, 0.0) + own * mean
            noise[key] = noise.get(key, 0.0) + own * fit.weights[:, None, None] * (terms - mean)
        variance = {key: values.var(0) / len(values) for key, values in noise.items()}
        return _Pool(scale, share, total, variance)

    def without(self, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Moments by the fits of other seeds, with the squares of their standard errors, if there are any."""
        others = [key for key in self.share if key != seed]
        share = sum(self.share[key] for key in others)
        if not share > MIN_SHARE:
            return None
        mean = sum(self.total[key] for key in others) / share
        variance = sum(self.variance[key] for key in others) / share**2
        return np.asarray(mean), np.asarray(variance)


MIN_SHARE = 1e-3
"""Other seeds with less of the evidence than this have found another part of the posterior."""


def _compare(fit: _Fit, pool: _Pool | None) -> dict[str, float]:
    """The columns of one fit."""
    others = pool.without(fit.seed) if pool else None
    scale = pool.scale if pool and others else _Scale.of([fit], [1.0])
    terms = scale.terms(fit)
    guide, own = terms.mean(0), fit.expect(terms)
    weighted = fit.weights[:, None, None] * (terms - own)
    num_draws, corrected = len(terms), own
    part, of_others = np.ones_like(own), np.zeros_like(own)
    if others:
        # The share of the own weights that leaves least noise: differences of which both sides have the same draws
        # lose most of theirs.
        mean, of_others = others
        own_variance = weighted.var(0) / num_draws
        shared = (weighted * (terms - guide)).mean(0) / num_draws
        part = np.clip((shared + of_others) / (own_variance + of_others), 0.0, 1.0)
        corrected = part * own + (1 - part) * mean
    noise = (terms - guide - part * weighted).var(0) / num_draws + (1 - part) ** 2 * of_others
    error = np.sqrt(noise)
    variance = corrected[1] + 1 - corrected[0] ** 2
    sd = np.sqrt(variance)
    of_mean = largest_error((np.abs(guide[0] - corrected[0]) / sd)[None], (error[0] / sd)[None])
    ratio = np.sqrt(np.maximum(guide[1] + 1 - guide[0] ** 2, 0.0)) / sd
    ratio_error = error[1] / (2 * ratio * variance)
    of_sd = largest_error(np.abs(ratio - 1)[None], ratio_error[None])
    worst = np.abs(np.log(ratio)).argmax() if len(ratio) else None
    columns = (
        *(float(value[0]) for value in of_mean),
        1.0 if worst is None else float(ratio[worst]),
        0.0 if worst is None else float(ratio_error[worst]),
        float(of_sd.low[0]),
        float(of_sd.noise[0]),
    )
    return dict(zip(NAMES, columns, strict=True))


def _smooth(log_weight: Float[np.ndarray, " draw"]) -> Float[np.ndarray, " draw"]:
    """Pareto smoothed weights with mean 1."""
    if log_weight.max() - log_weight.min() < MAX_CONSTANT_RANGE_NATS:
        return np.ones(len(log_weight))
    tail = tail_size(len(log_weight))
    logs = np.maximum(log_weight - log_weight.max(), -MAX_RANGE_NATS)
    if (
        np.partition(logs, -tail)[-tail] > -MAX_CONSTANT_RANGE_NATS
    ):  # an equal tail needs no smoothing
        weights = np.exp(logs)
        return weights / weights.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        smoothed = array_stats.psislw(-logs)[0]
    weights = np.exp(smoothed - smoothed.max())
    return weights / weights.mean()


MAX_CONSTANT_RANGE_NATS = 1e-4
"""Log weights within this range are equal but for rounding."""

MAX_RANGE_NATS = 700.0
"""Below the largest by more than this a weight is zero."""
