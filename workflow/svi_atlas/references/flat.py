"""Directions in which a posterior does not change: it is improper, and no loss has a lower bound."""

from __future__ import annotations

from collections import Counter

import jax
import numpy as np

from svi_atlas.inference.posterior import Posterior

NUM_POSITIONS = 4
"""Positions at which the gradient of a flat coordinate must be zero, exactly."""


def flat_sites(posterior: Posterior, key: jax.Array) -> str:
    """The sites on whose coordinates the density does not depend, in words; "" if there are none.

    Every proper prior has a gradient in every coordinate. A coordinate without one has an improper prior
    and is touched by no observation, such as the entry of an `obs_mask` that is observed.

    Parameters
    ----------
    posterior : of the model.
    key : of the random positions.
    """
    positions = np.random.default_rng(np.asarray(key)).uniform(
        -2, 2, (NUM_POSITIONS, posterior.dim)
    )
    slopes = np.array([posterior.slope(position)[1] for position in positions])
    flat = (slopes == 0).all(0)
    if not flat.any():
        return ""
    count = Counter(np.array(posterior.owners)[flat].tolist())
    total = Counter(posterior.owners)
    names = [
        f"{site!r}" if count[site] == total[site] else f"{count[site]} of {total[site]} of {site!r}"
        for site in count
    ]
    return f"its density does not depend on {' and '.join(names)}"
