"""Which fits and settings the statements are counted over."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.families import Family, families
from svi_atlas.judgement.ranking import best_settings, grid_fits

MIN_USABLE_SHARE = 0.5
"""Share of a setting's seeds that must have an ELBO for the setting to be used."""


def fits_with_elbo(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of the grid that neither failed nor diverged, so that minus their loss is an ELBO."""
    grid = grid_fits(table)
    return grid[~grid["verdict"].isin(["failed", "diverged"])]


def fits_with_kl(table: pd.DataFrame, max_outside: float) -> pd.DataFrame:
    """Those of them whose KL divergence is known: at most `max_outside` of the draws leave the support."""
    fits = fits_with_elbo(table)
    if "kl" not in fits:
        return fits.iloc[:0]
    inside = fits["outside_support"] <= max_outside
    return fits[np.isfinite(fits["kl"]) & inside & (fits["sd_ratio"] > 0)]


def sampled_families(table: pd.DataFrame) -> list[Family]:
    """The guides whose loss is estimated from draws; a guide fitted as a point has none."""
    return [family for family in families(table) if not guide_traits(family.guide).point]


def compared_families(table: pd.DataFrame) -> list[Family]:
    """Those of them that were fitted with several numbers of particles."""
    return [family for family in sampled_families(table) if len(family.labels) > 1]


def usable_settings(table: pd.DataFrame, family: Family) -> set[tuple[int, float]]:
    """(particles, step size) at which at least half of the seeds have an ELBO."""
    keys = ["num_particles", "step_size"]
    usable = family.of(fits_with_elbo(table)).groupby(keys).size()
    share = usable / family.of(grid_fits(table)).groupby(keys).size()
    return set(share[share >= MIN_USABLE_SHARE].index)


def why_unusable(table: pd.DataFrame, family: Family) -> str:
    """Why a guide has no usable setting."""
    messages = family.of(grid_fits(table))["message"].dropna()
    return "failed" if len(messages) else "diverged: no loss to compare"


def best_step_size(table: pd.DataFrame, family: Family) -> float | None:
    """The step size of a guide's best setting, among those fitted with the most particle counts.

    None if too many of its fits failed or diverged.
    """
    settings = usable_settings(table, family)
    fits = family.of(grid_fits(table))
    counts = fits.groupby("step_size")["num_particles"].nunique()
    best = best_settings(fits[fits["step_size"].isin(counts.index[counts == counts.max()])])
    for count, step_size in zip(best["num_particles"], best["step_size"], strict=True):
        if (count, step_size) in settings:
            return float(step_size)
    return None


def columns_of(family: Family) -> dict[str, str]:
    """The columns that name a guide."""
    return {"model": family.model, "guide": family.guide, "family": family.name}
