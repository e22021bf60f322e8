"""Errors of posterior means and standard deviations against the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def moments(
    draws: Mapping[str, np.ndarray], mean: Mapping[str, np.ndarray], sd: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The worst error of a mean and of a standard deviation over all components of all sites.

    draws: by site, (fit, draw, *site dims); mean, sd: the reference's, (*site dims).
    Returns, each (fit,): `mean_error`, the largest |mean - reference mean| in reference standard
    deviations; `sd_ratio`, the ratio of standard deviations farthest from 1 (in log); and their
    Monte Carlo standard errors `mean_error_se`, `sd_ratio_se`.
    """
    standardised = np.concatenate(
        [_standardised(draws[site], mean[site], sd[site]) for site in sorted(mean)], axis=-1
    )
    num_draws = standardised.shape[1]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        centre = standardised.mean(1)
        spread = standardised.std(1, ddof=1)
        fourth = ((standardised - centre[:, None]) ** 4).mean(1)
        kurtosis = fourth / spread**4
        ratio_error = spread * np.sqrt(np.maximum(kurtosis - 1, 0) / (4 * num_draws))
        worst_mean = np.abs(centre).argmax(-1)
        worst_sd = np.abs(np.log(spread)).argmax(-1)
    fit = np.arange(len(standardised))
    return {
        "mean_error": np.abs(centre)[fit, worst_mean],
        "mean_error_se": (spread / np.sqrt(num_draws))[fit, worst_mean],
        "sd_ratio": spread[fit, worst_sd],
        "sd_ratio_se": ratio_error[fit, worst_sd],
    }


def _standardised(draws: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """(fit, draw, component) in units of the reference."""
    scaled = (draws.astype(float) - mean) / sd
    return scaled.reshape(*draws.shape[:2], -1)
