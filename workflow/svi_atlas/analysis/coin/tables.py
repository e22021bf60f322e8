"""Tables for the page of the coin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from svi_atlas.analysis._coin import toss_counts
from svi_atlas.analysis._tables import with_labels
from svi_atlas.formatting import count_of
from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.problems.coin import exact

NORMAL_GUIDES = ("normal", "truncated_normal", "AutoNormal")
"""A Normal on the whole line, and two with the support of the posterior."""


def posteriors(data: xr.Dataset) -> pd.DataFrame:
    """The exact posterior beside the distribution that the tutorial takes for it."""
    tosses = toss_counts(data)
    rows = [
        {
            "what": what,
            "density": f"Beta({alpha:g}, {beta:g})",
            "mean": law.mean(),
            "sd": law.std(),
            "variance": law.var(),
        }
        for what, (alpha, beta) in (
            ("exact posterior", exact.posterior(*tosses)),
            ("the tutorial's “truth”", tosses),
        )
        for law in [stats.beta(alpha, beta)]
    ]
    return with_labels(pd.DataFrame(rows), {name: name for name in rows[0]})


def beta_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The guide `beta` by setting: medians over the seeds of the last and the averaged iterate.

    Empty if every fit of this guide failed.
    """
    grid = grid_fits(table)
    fits = grid[(grid["guide"] == "beta") & (grid["verdict"] != "failed")]
    if fits.empty:
        return pd.DataFrame()
    medians = {
        "param_last.alpha_q": "alpha_q, last",
        "param.alpha_q": "alpha_q, averaged",
        "param_last.beta_q": "beta_q, last",
        "param.beta_q": "beta_q, averaged",
        "kl_last": "KL, last",
        "kl": "KL, averaged",
    }
    keys = {"num_particles": "particles", "step_size": "step size"}
    groups = fits.assign(is_adequate=fits["verdict"] == "adequate").groupby(list(keys))
    settings = groups[list(medians)].median().assign(adequate=groups["is_adequate"].sum())
    return with_labels(settings.reset_index(), keys | medians | {"adequate": "adequate"})


def outside_support(table: pd.DataFrame) -> pd.DataFrame:
    """Normal guides: how much of their mass lies outside (0, 1), and how often a loss is infinite.

    One row per guide, without those whose every fit failed. The best setting with its KL divergence and
    its mass outside, medians over the seeds; then the infinite losses over all settings.
    """
    best = best_settings(table).set_index("guide")
    grid = grid_fits(table)
    rows = []
    for guide in (guide for guide in NORMAL_GUIDES if guide in best.index):
        setting, fits = best.loc[guide], grid[grid["guide"] == guide]
        at_best = fits[
            (fits["label"] == setting["label"]) & (fits["step_size"] == setting["step_size"])
        ]
        outside = 0.0
        if guide == "normal":
            mass = exact.mass_outside_support(at_best["param.mean"], at_best["param.sd"])
            outside = float(np.median(mass))
        rows.append(
            {
                "guide": guide,
                "num_particles": setting["num_particles"],
                "step_size": setting["step_size"],
                "kl": setting["kl"],
                "outside": outside,
                "infinite": count_of((fits["nonfinite"] > 0).sum(), len(fits)),
                "worst": 100 * fits["nonfinite"].max(),
            }
        )
    labels = {
        "guide": "guide",
        "num_particles": "particles",
        "step_size": "step size",
        "kl": "KL (nats)",
        "outside": "mass outside (0, 1)",
        "infinite": "fits with an infinite loss",
        "worst": "most infinite losses in a fit (%)",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
