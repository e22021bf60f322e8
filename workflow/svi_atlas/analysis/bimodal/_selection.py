"""The fits that the page of the bimodal density looks at, and how they are selected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import best_settings, grid_fits

TUTORIAL = "tutorial_normal_mixture"
"""Label of the single fit that repeats the tutorial."""

AS_SUGGESTED, NAIVE_DENSITY, CLIPPED = (
    "cauchy_as_suggested",
    "cauchy_naive_density",
    "cauchy_clipped",
)
"""Labels of the single fits of the Cauchy mixture."""


@dataclass(frozen=True)
class Setting:
    """A guide with its number of particles and its step size."""

    guide: str
    num_particles: int
    step_size: float


TUTORIAL_SETTING = Setting("normal_mixture", 16, 5e-4)
"""The tutorial's own setting, which the grid fits over many seeds."""

FIXED_ANGLE = Setting("cauchy_mixture_fixed_angle", 8, 1e-3)

TRUNCATED = Setting("truncated_cauchy_mixture", 16, 5e-4)

TRUNCATED_LARGE_STEP = Setting("truncated_cauchy_mixture", 16, 5e-3)

WEIGHTED_GUIDE = "weighted_normal_mixture"

WRITTEN_GUIDES = ("normal_mixture", "truncated_cauchy_mixture")
"""Guides written by hand whose losses are finite."""

NUM_PARTICLES_TIMED = 8
"""Number of particles at which the times of the guides are compared."""

MAX_LOSS_EXCESS = 0.01
"""Nats above minus the log evidence within which every seed of the truncated guide must end."""

_COLUMNS = (
    "final_loss", "final_loss_se", "nonfinite", "first_nonfinite", "missed_mass", "missed_mode", "khat",
    "elbo", "kl", "seconds", "param_last.b", "param_last.sig1_q", "param_last.sig2_q", "param_last.weight",
    "derived_last.theta_degrees",
)  # fmt: skip
"""Columns that a table may lack, if no fit that has them succeeded."""


def successful_fits(table: pd.DataFrame) -> pd.DataFrame:
    """The fits that did not fail, with all columns that the analyses read."""
    fits = table[table["verdict"] != "failed"]
    missing = [name for name in _COLUMNS if name not in fits]
    return fits.assign(**dict.fromkeys(missing, np.nan))


def successful_grid(table: pd.DataFrame) -> pd.DataFrame:
    """The fits of the grid that did not fail."""
    return grid_fits(successful_fits(table))


def single_fit(table: pd.DataFrame, label: str) -> pd.Series | None:
    """The row of a single fit; None if it is absent or failed."""
    fits = successful_fits(table)
    rows = fits[(fits["block"] == "single") & (fits["label"] == label)]
    return None if rows.empty else rows.iloc[0]


def with_setting(fits: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The fits of one setting."""
    same = (fits["guide"] == setting.guide) & (fits["num_particles"] == setting.num_particles)
    return fits[same & np.isclose(fits["step_size"], setting.step_size)]


def best_setting_of_each_guide(table: pd.DataFrame) -> dict[str, Setting]:
    """The best setting by guide, in the order of the table; guides whose every fit failed have none."""
    best = best_settings(table)
    return {
        str(guide): Setting(str(guide), int(count), float(step_size))
        for guide, count, step_size in zip(
            best["guide"], best["num_particles"], best["step_size"], strict=True
        )
    }


def misses_a_mode(fits: pd.DataFrame) -> pd.Series:
    """Whether each fit misses a mode of the posterior (see `diagnostics.missed_modes`)."""
    return fits["missed_mass"] > 0


def microseconds_per_step(grid: pd.DataFrame, guide: str) -> float:
    """Mean time of a step with NUM_PARTICLES_TIMED particles; all fits of a cell run as one batch.

    NaN if the guide has no such fit.
    """
    fits = grid[(grid["guide"] == guide) & (grid["num_particles"] == NUM_PARTICLES_TIMED)]
    return float((1e6 * fits["seconds"] / fits["num_steps"]).mean())
