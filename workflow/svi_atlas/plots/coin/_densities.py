"""Densities of the coin's fitted guides on (0, 1), from their parameters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special, stats

from svi_atlas.judgement.ranking import best_settings, grid_fits

GUIDES = ("beta", "normal", "truncated_normal", "AutoNormal")


def density(guide: str, fit: pd.Series, fairness: np.ndarray, prefix: str = "param") -> np.ndarray:
    """Density of a fitted guide at `fairness` (point,), inside (0, 1).

    fit: a row of `fits.parquet`; prefix: "param" for the last iterate, "averaged" for the average.
    """

    def parameter(name: str) -> float:
        return float(fit[f"{prefix}.{name}"])

    if guide == "beta":
        return stats.beta.pdf(fairness, parameter("alpha_q"), parameter("beta_q"))
    if guide == "AutoNormal":
        loc, scale = (parameter(f"latent_fairness_auto_{name}") for name in ("loc", "scale"))
        of_logit = stats.norm.pdf(special.logit(fairness), loc, scale)
        return of_logit / (fairness * (1 - fairness))
    mean, sd = parameter("mean"), parameter("sd")
    if guide == "truncated_normal":
        return stats.truncnorm.pdf(fairness, -mean / sd, (1 - mean) / sd, mean, sd)
    return stats.norm.pdf(fairness, mean, sd)


def typical_fits(table: pd.DataFrame) -> dict[str, pd.Series]:
    """For each guide of GUIDES the fit of its best setting whose KL is the median over the seeds."""
    found = {}
    for best in best_settings(table).itertuples():
        if best.guide not in GUIDES:
            continue
        fits = grid_fits(table)
        fits = fits[
            (fits["guide"] == best.guide)
            & (fits["label"] == best.label)
            & (fits["step_size"] == best.step_size)
        ].sort_values("kl")
        found[best.guide] = fits.iloc[(len(fits) - 1) // 2]
    return {guide: found[guide] for guide in GUIDES if guide in found}
