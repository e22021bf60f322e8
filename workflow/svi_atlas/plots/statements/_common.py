"""What the figures about statements share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.best import grid_fits
from svi_atlas.plots._fits import Family

POINT_GUIDES = ("AutoLaplaceApproximation",)
"""Guides fitted as a point: their loss has no noise and is no ELBO of the guide drawn from."""

SMALLEST_KL = 1e-5
"""Nats. A smaller KL is drawn here: below it rounding decides."""


def counted(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of the grid that neither failed nor diverged, so that their loss is an ELBO."""
    grid = grid_fits(table)
    return grid[~grid["verdict"].isin(["failed", "diverged"])]


def with_kl(table: pd.DataFrame, leak: float) -> pd.DataFrame:
    """Those of them whose KL is known: at most the share `leak` of the draws is off the support."""
    fits = counted(table)
    if "kl" not in fits:
        return fits.iloc[:0]
    return fits[np.isfinite(fits["kl"]) & (fits["support_leak"] <= leak) & (fits["sd_ratio"] > 0)]


def of(fits: pd.DataFrame, family: Family) -> pd.DataFrame:
    return fits[(fits["model"] == family.model) & (fits["guide"] == family.guide)]


def usable(table: pd.DataFrame, family: Family) -> set[tuple[int, float]]:
    """(particles, step size) at which at least half of a family's seeds are counted."""
    keys = ["num_particles", "step_size"]
    have = of(counted(table), family).groupby(keys).size()
    share = have / of(grid_fits(table), family).groupby(keys).size()
    return set(share[share >= 0.5].index)


def why_not(table: pd.DataFrame, family: Family) -> str:
    """Why a family has no usable setting."""
    fits = of(grid_fits(table), family)
    message = fits["message"].dropna()
    return "failed" if len(message) else "diverged: its loss is no ELBO"
