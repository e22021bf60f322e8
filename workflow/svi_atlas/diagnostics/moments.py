"""Errors of posterior means and standard deviations against the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from svi_atlas.diagnostics.components import flatten, largest_error, varying


def moments(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_mean: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
    reference_mean_se: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd_se: Mapping[str, Float[np.ndarray, " ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of a mean and of a standard deviation over all components of all sites.

    Components that cannot vary, such as the corner of a correlation matrix's Cholesky factor, are left
    out. Standard errors hold the noise of the fit's draws and that of the reference.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_mean, reference_sd
        Posterior means and standard deviations, by site.
    reference_mean_se, reference_sd_se
        Their Monte Carlo standard errors, by site; sites that are left out are exact.

    Returns
    -------
    mean_error, mean_error_se
        Largest |mean - posterior mean| in posterior standard deviations, and its Monte Carlo standard
        error.
    sd_ratio, sd_ratio_se
        Ratio of standard deviations, guide over posterior, of the component where it is farthest from
        1 (in log), and its Monte Carlo standard error.
    mean_error_low, mean_error_noise, sd_error_low, sd_error_noise
        See `components.largest_error`: the largest error that is certain, and what noise alone may make
        of it, of the means and of the ratios of standard deviations.
    """
    sites = sorted(reference_mean)
    varies = np.concatenate([varying(reference_mean[site], reference_sd[site]) for site in sites])
    standardised = np.concatenate(
        [_standardise(draws[site], reference_mean[site], reference_sd[site]) for site in sites],
        axis=-1,
    )[..., varies]
    exact = dict.fromkeys(sites, np.asarray(0.0))
    mean_noise, sd_noise = (
        _relative(exact | dict(errors), reference_sd, sites, varies)
        for errors in (reference_mean_se, reference_sd_se)
    )
    num_draws = standardised.shape[1]
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = standardised.mean(1)
        sd = standardised.std(1, ddof=1)
        fourth = ((standardised - mean[:, None]) ** 4).mean(1)
        kurtosis = fourth / sd**4
        ratio_error = sd * np.sqrt(np.maximum(kurtosis - 1, 0) / (4 * num_draws))
        of_mean = largest_error(np.abs(mean), np.hypot(sd / np.sqrt(num_draws), mean_noise))
        ratio_error = np.hypot(ratio_error, sd * sd_noise)
        of_sd = largest_error(np.abs(sd - 1), ratio_error)
        worst_sd = np.abs(np.log(sd)).argmax(-1)
    fit = np.arange(len(standardised))
    return {
        "mean_error": of_mean.value,
        "mean_error_se": of_mean.error,
        "mean_error_low": of_mean.low,
        "mean_error_noise": of_mean.noise,
        "sd_ratio": sd[fit, worst_sd],
        "sd_ratio_se": ratio_error[fit, worst_sd],
        "sd_error_low": of_sd.low,
        "sd_error_noise": of_sd.noise,
    }


def _standardise(draws: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """(fit, draw, component) in units of the reference."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = (draws.astype(float) - mean) / sd
    return flatten(scaled)


def _relative(
    errors: Mapping[str, np.ndarray],
    sd: Mapping[str, np.ndarray],
    sites: list[str],
    varies: Bool[np.ndarray, " all_components"],
) -> Float[np.ndarray, " component"]:
    """Standard errors of the reference in posterior standard deviations, of components that vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = [
            np.ravel(np.broadcast_to(errors[site], np.shape(sd[site])) / sd[site]) for site in sites
        ]
    return np.concatenate(relative)[varies]
