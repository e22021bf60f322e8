"""Errors of linear combinations of the components: what means and standard deviations of each do not show.

A guide may have every mean and every standard deviation right and yet no correlation. Random linear
combinations of the standardised components depend on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.components import (
    all_unknown,
    directions,
    flatten,
    largest_error,
    relative_to_sd,
    sd_error,
    standardise,
    with_moments,
)


def combinations(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_mean: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
    reference_mean_se: Mapping[str, Float[np.ndarray, " ..."]],
    reference_draws: Mapping[str, Float[np.ndarray, "reference_draw ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of the mean and of the standard deviation of a linear combination.

    The combinations are `components.directions` of the components in units of their posterior standard
    deviations; of a single component there are none, and no error.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_mean, reference_sd, reference_mean_se
        Posterior means and standard deviations by site, and the Monte Carlo standard errors of the means
        of sites where they are not exact.
    reference_draws
        Draws from the posterior, by site.

    Returns
    -------
    combination_mean_error, combination_mean_error_se
        Largest |mean - posterior mean| of a combination, in its posterior standard deviations, and its
        Monte Carlo standard error.
    combination_sd_ratio, combination_sd_ratio_se
        Ratio of its standard deviations, guide over posterior, where it is farthest from 1 (in log), and
        its standard error.
    combination_mean_error_low, combination_mean_error_noise, combination_sd_error_low,
    combination_sd_error_noise
        See `components.largest_error`.
    """
    sites = sorted(reference_mean)
    kept = with_moments(reference_mean, reference_sd, sites)
    weights = directions(int(kept.sum()))

    def combine(values: Mapping[str, np.ndarray]) -> np.ndarray:
        return standardise(values, reference_mean, reference_sd, sites)[..., kept] @ weights

    reference = combine({site: reference_draws[site][None] for site in sites})
    unit = reference.std(1, ddof=1)[0]
    noise = relative_to_sd(reference_mean_se, reference_sd, sites)[kept]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        combined = combine(draws) / unit
        mean, sd = combined.mean(1), combined.std(1, ddof=1)
        mean_noise = np.hypot(sd / np.sqrt(combined.shape[1]), noise.max(initial=0.0))
        sd_noise = np.hypot(sd_error(combined), sd * sd_error(reference / unit))
        of_mean = largest_error(np.abs(mean), mean_noise)
        of_sd = largest_error(np.abs(sd - 1), sd_noise)
        far = np.abs(np.log(sd))
    if not far.shape[1]:
        return _of_no_combination(draws, reference_sd, sites)
    worst = far.argmax(-1)
    fit = np.arange(len(mean))
    return {
        "combination_mean_error": of_mean.value,
        "combination_mean_error_se": of_mean.error,
        "combination_mean_error_low": of_mean.low,
        "combination_mean_error_noise": of_mean.noise,
        "combination_sd_ratio": sd[fit, worst],
        "combination_sd_ratio_se": sd_noise[fit, worst],
        "combination_sd_error_low": of_sd.low,
        "combination_sd_error_noise": of_sd.noise,
    }


def _of_no_combination(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
    sites: Sequence[str],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The columns of a single component: no error, of fits whose draws are numbers."""
    finite = [np.isfinite(flatten(draws[site])).all((1, 2)) for site in sites]
    known = np.all(finite, axis=0) & (not all_unknown(reference_sd))
    zero = np.where(known, 0.0, np.nan)
    names = [f"mean_error{part}" for part in ("", "_se", "_low", "_noise")]
    names += ["sd_ratio_se", "sd_error_low", "sd_error_noise"]
    return {f"combination_{name}": zero for name in names} | {"combination_sd_ratio": 1 + zero}
