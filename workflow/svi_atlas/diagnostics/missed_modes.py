"""Modes of the posterior that a fitted guide misses, where the reference knows its modes.

k-hat and the ELBO cannot see a missed mode: the guide never draws there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Shaped

from svi_atlas.diagnostics.components import unit_of

MIN_MASS_RATIO = 0.1
"""A mode is missed if the guide gives it less than this share of its mass."""


def missed_modes(
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]],
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]],
    mode_centres: Mapping[str, Float[np.ndarray, "mode ..."]],
    mode_masses: Float[np.ndarray, " mode"],
) -> dict[str, Shaped[np.ndarray, " fit"]]:
    """Posterior mass of the modes that the guide misses.

    A draw belongs to the nearest centre, in units of the posterior standard deviations.

    Parameters
    ----------
    draws
        Draws from the guide, by site.
    reference_sd
        Posterior standard deviations, by site.
    mode_centres
        Centres of the modes, by site.
    mode_masses
        Shares of the posterior that lie nearest to each centre.

    Returns
    -------
    missed_mass
        Sum of the masses of the missed modes.
    missed_mode
        Where the heaviest of them lies, such as "x = 3" ("" if none is missed).
    """
    unit = {site: unit_of(mode_centres[site], reference_sd[site]) for site in mode_centres}
    distance = sum(
        (((draws[site][:, :, None] - mode_centres[site]) / unit[site]) ** 2)
        .reshape(*draws[site].shape[:2], len(mode_masses), -1)
        .sum(-1)
        for site in mode_centres
    )
    nearest = np.argmin(distance, axis=-1)
    share = np.stack([(nearest == mode).mean(-1) for mode in range(len(mode_masses))], axis=-1)
    missed = share < MIN_MASS_RATIO * mode_masses
    heaviest = np.where(missed, mode_masses, -1.0).argmax(-1)
    places = [_describe_place(mode_centres, mode) for mode in range(len(mode_masses))]
    place = np.where(np.any(missed, axis=-1), np.array(places, dtype=object)[heaviest], "")
    return {"missed_mass": (missed * mode_masses).sum(-1), "missed_mode": place}


def _describe_place(mode_centres: Mapping[str, np.ndarray], mode: int) -> str:
    parts = []
    for site, values in mode_centres.items():
        numbers = ", ".join(f"{number:.3g}" for number in np.ravel(values[mode])[:4])
        parts.append(f"{site} = {numbers}")
    return ", ".join(parts)
