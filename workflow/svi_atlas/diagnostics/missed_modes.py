"""Modes of the posterior that a fitted guide misses, where the reference knows its modes.

k-hat and the ELBO cannot see a missed mode: the guide never draws there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MISSED_SHARE = 0.1
"""A mode is missed if the guide gives it less than this share of its mass."""


def missed_modes(
    draws: Mapping[str, np.ndarray],
    sd: Mapping[str, np.ndarray],
    centres: Mapping[str, np.ndarray],
    masses: np.ndarray,
) -> dict[str, np.ndarray]:
    """Posterior mass of the modes that the guide misses.

    draws: by site, (fit, draw, *site dims); sd: the reference's, (*site dims); centres: by site,
    (mode, *site dims); masses: (mode,). A draw belongs to the nearest centre, in units of sd.
    Returns `missed_mass`, a share, and `missed_mode`, where the heaviest missed mode lies in words
    ("" if none is missed), each (fit,).
    """
    distance = sum(
        (((draws[site][:, :, None] - centres[site]) / sd[site]) ** 2)
        .reshape(*draws[site].shape[:2], len(masses), -1)
        .sum(-1)
        for site in centres
    )
    nearest = np.argmin(distance, axis=-1)
    share = np.stack([(nearest == mode).mean(-1) for mode in range(len(masses))], axis=-1)
    missed = share < MISSED_SHARE * masses
    heaviest = np.where(missed, masses, -1.0).argmax(-1)
    words = np.array([_words(centres, mode) for mode in range(len(masses))], dtype=object)
    named = np.where(np.any(missed, axis=-1), words[heaviest], "")
    return {"missed_mass": (missed * masses).sum(-1), "missed_mode": named}


def _words(centres: Mapping[str, np.ndarray], mode: int) -> str:
    parts = []
    for site, values in centres.items():
        numbers = ", ".join(f"{number:.3g}" for number in np.ravel(values[mode])[:4])
        parts.append(f"{site} = {numbers}")
    return ", ".join(parts)
