"""Distance of the marginals of a guide from those of the reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

LEVELS = (np.arange(1000) + 0.5) / 1000
"""Quantiles that are compared: the 1-Wasserstein distance is the mean distance of the quantiles."""


def wasserstein(
    draws: Mapping[str, np.ndarray],
    reference: Mapping[str, np.ndarray],
    sd: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """The largest 1-Wasserstein distance of a component, in reference standard deviations.

    draws: by site, (fit, draw, *site dims); reference: draws of the posterior, by site, (draw, *site
    dims); sd: the reference's, (*site dims). Returns `wasserstein` (fit,), NaN where a draw is not
    finite. Draws from the posterior itself are at a distance of about one over the root of their
    number.
    """
    worst = None
    for site, values in draws.items():
        expected = np.quantile(np.asarray(reference[site], float), LEVELS, axis=0)
        found = np.quantile(values.astype(float), LEVELS, axis=1)
        distance = np.abs(found - expected[:, None]).mean(0) / sd[site]
        largest = distance.reshape(len(distance), -1).max(-1)
        worst = largest if worst is None else np.maximum(worst, largest)
    assert worst is not None
    return {"wasserstein": worst}
