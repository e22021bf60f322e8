"""What the figures about statements share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.plots import _style
from svi_atlas.plots._fits import POINT_GUIDES, Family

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
    return fits[
        np.isfinite(fits["kl"]) & (fits["outside_support"] <= leak) & (fits["sd_ratio"] > 0)
    ]


def of(fits: pd.DataFrame, family: Family) -> pd.DataFrame:
    return fits[(fits["model"] == family.model) & (fits["guide"] == family.guide)]


def by_particles(families: Sequence[Family]) -> list[Family]:
    """The families that tell what particles do: with noise, fitted with several numbers of them."""
    return [
        family for family in families if len(family.runs) > 1 and family.guide not in POINT_GUIDES
    ]


def nothing(why: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure, ((axes,),) = _style.panels(1, 1, (6.0, 1.6))
    axes.set_axis_off()
    _style.note(axes, why)
    return figure


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
    return "failed" if len(message) else "diverged: no loss to compare"
