"""Errors of tail probabilities at the posterior's 5 and 95 % quantiles, which exist where moments may not.

Errors of the quantiles themselves depend on the density there, and with a few thousand draws are dominated by
noise where a tail is long, as that of a scale parameter. Probabilities have the same noise for every shape.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from svi_atlas.diagnostics.components import flatten, largest_error, varying

TAIL = 0.05
"""Posterior probability below the one quantile and above the other."""


def tail_probabilities(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_draws: Mapping[str, Float[np.ndarray, "reference_draw ..."]],
) -> dict[str, Float[np.ndarray, " fit"]]:
    """The largest error of a tail probability over all components of all sites.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_draws
        Draws from the posterior, by site, independent or nearly so.

    Returns
    -------
    tail_error, tail_error_se
        Largest difference of the guide's probability below the posterior's 5 % quantile, or above its
        95 % quantile, from 0.05, and its Monte Carlo standard error, that of the reference's draws included.
    tail_error_low, tail_error_noise
        See `components.largest_error`.
    """
    sites = sorted(reference_draws)
    reference, values = (
        np.concatenate([flatten(drawn[site]) for site in sites], axis=-1).astype(float)
        for drawn in ({site: reference_draws[site][None] for site in sites}, draws)
    )
    reference = reference[0]
    varies = varying(reference.mean(0), reference.std(0))
    reference, values = reference[:, varies], values[..., varies]
    low, high = np.quantile(reference, [TAIL, 1 - TAIL], axis=0)
    shares = np.concatenate([(values < low).mean(1), (values > high).mean(1)], axis=-1)
    undefined = np.isnan(values).any(1) | np.isnan(reference).any(0)
    shares[np.concatenate([undefined, undefined], axis=-1)] = np.nan
    # Of few draws of the reference, the share beyond their quantile is skewed: the larger variance counts.
    variance = np.maximum(shares, TAIL) * (1 - np.maximum(shares, TAIL))
    noise = np.sqrt(variance * (1 / values.shape[1] + 1 / len(reference)))
    largest = largest_error(np.abs(shares - TAIL), noise)
    return {
        "tail_error": largest.value,
        "tail_error_se": largest.error,
        "tail_error_low": largest.low,
        "tail_error_noise": largest.noise,
    }
