"""Directions in which a posterior does not fall off: it is improper, and no loss has a lower bound.

A density that is periodic in a coordinate is a case of its own. `CircularReparam` makes one of every angle: the
unwrapped angle has an improper prior, and what is asked for is the angle itself, a deterministic site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from svi_atlas.inference.posterior import Posterior

NUM_POSITIONS = 4
"""Positions at which the gradient of a flat coordinate must be zero, exactly."""

NUM_CLIMBS = 4
"""Climbs that look for a direction in which the density keeps rising."""

NEAR, FAR = 1e4, 1e8
"""Distances that are compared, in unconstrained coordinates."""

NUM_NEIGHBOURS, ANGLE = 8, 0.01
"""Directions close to the one that is tried, and how close (radians): a cone has infinite volume."""

MAX_FALL = 1.0
"""Nats that the log density may fall between NEAR and FAR; a Cauchy tail falls by 18."""

MAX_DEPTH = 50.0
"""Nats below the highest place: what lies deeper has no weight that a fit could find."""

MIN_SHARE = 0.1
"""A coordinate belongs to a direction if it has this share of its length."""


MAX_ROUNDING = 1e-4
"""Relative difference of log densities one period apart that rounding may make, in 32 bits too."""


def periodic_sites(posterior: Posterior, key: jax.Array) -> tuple[str, ...]:
    """Latent sites in all of whose coordinates the density has the period 2 pi."""
    rng = np.random.default_rng(np.asarray(key))
    periodic = _periodic_coordinates(posterior, rng)
    owners = np.array(posterior.owners)
    return tuple(site for site in dict.fromkeys(posterior.owners) if periodic[owners == site].all())


def _periodic_coordinates(
    posterior: Posterior, rng: np.random.Generator
) -> Bool[np.ndarray, " dim"]:
    positions = rng.uniform(-2, 2, (NUM_POSITIONS, posterior.dim))
    flat = (np.array([posterior.slope(position)[1] for position in positions]) == 0).all(0)
    here = posterior.evaluate(positions)[0]
    periodic: np.ndarray = ~flat
    for coordinate in np.flatnonzero(periodic):
        moved = positions + 2 * np.pi * np.eye(posterior.dim)[coordinate]
        there = posterior.evaluate(moved)[0]
        periodic[coordinate] = np.allclose(here, there, rtol=MAX_ROUNDING, atol=MAX_ROUNDING)
    return periodic


def improper(posterior: Posterior, key: jax.Array) -> str:
    """Why a posterior has no finite integral, in words; "" if nothing shows that but that it is periodic.

    Parameters
    ----------
    posterior : of the model.
    key : of random positions and directions.
    """
    rng = np.random.default_rng(np.asarray(key))
    flat = _flat_coordinates(posterior, rng)
    if flat.any():
        return f"its density does not depend on {_name(posterior, flat)}"
    unbounded = ~_periodic_coordinates(posterior, rng)
    ends, height = _climb(posterior, rng)
    for direction in _directions(ends, unbounded):
        if _does_not_fall(posterior, direction, height, rng):
            involved = np.abs(direction) >= MIN_SHARE
            return f"its density does not fall off along {_name(posterior, involved)}"
    return ""


def _flat_coordinates(posterior: Posterior, rng: np.random.Generator) -> Bool[np.ndarray, " dim"]:
    """Coordinates without a gradient at all positions.

    Every proper prior has one in every coordinate. A coordinate without has an improper prior and is
    touched by no observation, such as the entry of an `obs_mask` that is observed.
    """
    positions = rng.uniform(-2, 2, (NUM_POSITIONS, posterior.dim))
    slopes = np.array([posterior.slope(position)[1] for position in positions])
    flat: np.ndarray = (slopes == 0).all(0)
    return flat


def _climb(posterior: Posterior, rng: np.random.Generator) -> tuple[list[np.ndarray], float]:
    """Where climbs end, and the log density (nats) of the highest place."""

    def loss(position):
        height, gradient = posterior.slope(position)
        if not (np.isfinite(height) and np.isfinite(gradient).all()):
            return 1e300, np.zeros_like(position)
        return -height, -gradient

    starts = rng.uniform(-2, 2, (NUM_CLIMBS, posterior.dim))
    results = [optimize.minimize(loss, start, jac=True, method="L-BFGS-B") for start in starts]
    return [result.x for result in results], max(-float(result.fun) for result in results)


def _directions(
    ends: list[np.ndarray], unbounded: Bool[np.ndarray, " dim"]
) -> Iterator[Float[np.ndarray, " dim"]]:
    """Directions in which the density may not fall off, of length one: the axes, and where climbs led.

    In the coordinates that are not periodic.
    """
    for axis in np.eye(len(unbounded))[unbounded]:
        yield axis
        yield -axis
    for end in ends:
        if length := np.linalg.norm(end * unbounded):
            yield end * unbounded / length


def _does_not_fall(
    posterior: Posterior, direction: np.ndarray, height: float, rng: np.random.Generator
) -> bool:
    """Whether the density is as high far away as nearer by, in a cone about a direction."""
    near, far = (_cone(posterior, distance * direction, distance, rng) for distance in (NEAR, FAR))
    return bool(far > near - MAX_FALL and far > height - MAX_DEPTH)


def _cone(
    posterior: Posterior, centre: np.ndarray, distance: float, rng: np.random.Generator
) -> float:
    """The smallest log density (nats) of places near one; minus infinity where it is not finite."""
    around = rng.standard_normal((NUM_NEIGHBOURS, posterior.dim)) / np.sqrt(posterior.dim)
    places = np.concatenate([centre[None], centre + ANGLE * distance * around])
    heights = np.array([posterior.slope(place)[0] for place in places])
    return float(heights.min()) if np.isfinite(heights).all() else -np.inf


def _name(posterior: Posterior, coordinates: Bool[np.ndarray, " dim"]) -> str:
    """The sites that coordinates belong to, with their number where it is not all of a site."""
    count = Counter(np.array(posterior.owners)[coordinates].tolist())
    total = Counter(posterior.owners)
    names = [
        f"{site!r}" if count[site] == total[site] else f"{count[site]} of {total[site]} of {site!r}"
        for site in count
    ]
    return " and ".join(names)
