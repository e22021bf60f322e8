"""Errors of posterior means and standard deviations against the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.components import (
    all_unknown,
    largest_error,
    relative_to_sd,
    sd_error,
    standardise,
    with_moments,
)


def moments(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_mean: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
    reference_mean_se: Mapping[str, Float[np.ndarray, " ..."]],
    reference_sd_se: Mapping[str, Float[np.ndarray, " ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of a mean and of a standard deviation over all components of all sites.

    Components that cannot vary, such as the corner of a correlation matrix's Cholesky factor, are left
    out, and so are those without a finite standard deviation. Standard errors hold the noise of the fit's
    draws and that of the reference.

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
    kept = with_moments(reference_mean, reference_sd, sites)
    standardised = standardise(draws, reference_mean, reference_sd, sites)[..., kept]
    mean_noise, sd_noise = (
        relative_to_sd(errors, reference_sd, sites)[kept]
        for errors in (reference_mean_se, reference_sd_se)
    )
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mean = standardised.mean(1)
        sd = standardised.std(1, ddof=1)
        of_mean = largest_error(
            np.abs(mean), np.hypot(sd / np.sqrt(standardised.shape[1]), mean_noise)
        )
        ratio_error = np.hypot(sd_error(standardised), sd * sd_noise)
        of_sd = largest_error(np.abs(sd - 1), ratio_error)
        far = np.abs(np.log(sd))
    worst_sd = far.argmax(-1) if far.shape[1] else None
    fit = np.arange(len(standardised))
    columns = {
        "mean_error": of_mean.value,
        "mean_error_se": of_mean.error,
        "mean_error_low": of_mean.low,
        "mean_error_noise": of_mean.noise,
        "sd_ratio": np.ones(len(fit)) if worst_sd is None else sd[fit, worst_sd],
        "sd_ratio_se": np.zeros(len(fit)) if worst_sd is None else ratio_error[fit, worst_sd],
        "sd_error_low": of_sd.low,
        "sd_error_noise": of_sd.noise,
    }
    return (
        dict.fromkeys(columns, np.full(len(fit), np.nan)) if all_unknown(reference_sd) else columns
    )
