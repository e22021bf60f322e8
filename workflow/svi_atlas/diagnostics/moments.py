"""Errors of posterior means and standard deviations against the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def moments(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_mean: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of a mean and of a standard deviation over all components of all sites.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_mean, reference_sd
        Posterior means and standard deviations, by site.

    Returns
    -------
    mean_error, mean_error_se
        Largest |mean - posterior mean| in posterior standard deviations, and its Monte Carlo standard
        error.
    sd_ratio, sd_ratio_se
        Ratio of standard deviations, guide over posterior, of the component where it is farthest from
        1 (in log), and its Monte Carlo standard error.
    """
    standardised = np.concatenate(
        [
            _standardise(draws[site], reference_mean[site], reference_sd[site])
            for site in sorted(reference_mean)
        ],
        axis=-1,
    )
    num_draws = standardised.shape[1]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = standardised.mean(1)
        sd = standardised.std(1, ddof=1)
        fourth = ((standardised - mean[:, None]) ** 4).mean(1)
        kurtosis = fourth / sd**4
        ratio_error = sd * np.sqrt(np.maximum(kurtosis - 1, 0) / (4 * num_draws))
        worst_mean = np.abs(mean).argmax(-1)
        worst_sd = np.abs(np.log(sd)).argmax(-1)
    fit = np.arange(len(standardised))
    return {
        "mean_error": np.abs(mean)[fit, worst_mean],
        "mean_error_se": (sd / np.sqrt(num_draws))[fit, worst_mean],
        "sd_ratio": sd[fit, worst_sd],
        "sd_ratio_se": ratio_error[fit, worst_sd],
    }


def _standardise(draws: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """(fit, draw, component) in units of the reference."""
    scaled = (draws.astype(float) - mean) / sd
    return scaled.reshape(*draws.shape[:2], -1)
