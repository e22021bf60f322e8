"""Which guides miss a mode, and where their losses end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import negative_log_evidence, with_labels
from svi_atlas.analysis.bimodal._draws import draws_of
from svi_atlas.analysis.bimodal._selection import (
    Setting,
    best_setting_of_each_guide,
    misses_a_mode,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import count_of
from svi_atlas.guide_traits import guide_traits
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "typical_draws": {
        "guide": ["truncated_cauchy_mixture", "AutoMultivariateNormal", "AutoBNAFNormal"],
        "label": ["particles-*"],
    }
}
"""Which fits an analysis reads."""

DRAWN_GUIDES = ("truncated_cauchy_mixture", "AutoMultivariateNormal", "AutoBNAFNormal")
"""One that holds the posterior, one that misses a mode, one flow."""


def known_losses(table: pd.DataFrame, reference: References) -> pd.DataFrame:
    """Losses (nats) that are known exactly: columns `name` and `loss`, from the smallest."""
    losses = {
        "minus log evidence": negative_log_evidence(reference, table["model"].iloc[0]),
        "best Normal mixture": exact.normal_mixture_optimum()[1],
        "best single Normal": exact.one_mode_optimum(),
    }
    return pd.DataFrame({"name": list(losses), "loss": list(losses.values())})


def final_losses(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Where the losses of each guide and particle count end, at the step size with the smallest median.

    One row per fit: `guide`, `num_particles`, `final_loss` (nats; minus the ELBO of its draws for a guide
    fitted as a point, `point`), `median` over the seeds, `mostly_finite` (whether no more of its losses than
    the threshold allows are infinite) and `max_nonfinite`, that threshold. A cell without a finite loss
    has one row with `final_loss` NaN.
    """
    grid = successful_grid(table)
    grid = grid.assign(point=[guide_traits(guide).point for guide in grid["guide"]])
    grid["final_loss"] = grid["final_loss"].mask(grid["point"], -grid["elbo"].astype(float))
    cells = grid.groupby(["guide", "num_particles"], sort=False)
    columns = ["guide", "num_particles", "point", "final_loss", "median", "mostly_finite"]
    limit = thresholds["nonfinite"]
    parts = [_at_smallest_median(fits, limit)[columns] for _, fits in cells]
    losses = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return losses.assign(max_nonfinite=limit)


def _at_smallest_median(fits: pd.DataFrame, limit: float) -> pd.DataFrame:
    finite = fits[np.isfinite(fits["final_loss"])]
    if finite.empty:
        return fits.iloc[:1].assign(final_loss=np.nan, median=np.nan, mostly_finite=True)
    best = finite.groupby("step_size")["final_loss"].median().idxmin()
    selected = finite[finite["step_size"] == best]
    return selected.assign(
        median=selected["final_loss"].median(), mostly_finite=~(selected["nonfinite"] > limit)
    )


def typical_draws(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Draws of three guides, each at its best setting and of the seed with the median loss.

    One row per draw: `guide`, `x`, `y`, and the fit's `final_loss`, `num_particles` and `step_size`;
    `message`: a guide without a fit that succeeded has one row.
    """
    best = best_setting_of_each_guide(table)
    grid = successful_grid(table)
    parts = []
    for guide in DRAWN_GUIDES:
        if guide not in best:
            parts.append(pd.DataFrame({"guide": [guide], "message": ["not fitted, or failed"]}))
            continue
        row = _typical_fit(grid, best[guide])
        fit = fits[row["model"], guide, row["label"]]
        draws = draws_of(fit.sel(seed=row["seed"], step_size=row["step_size"]))
        parts.append(
            draws.assign(
                guide=guide, message=None, **row[["final_loss", "num_particles", "step_size"]]
            )
        )
    return pd.concat(parts, ignore_index=True)


def _typical_fit(grid: pd.DataFrame, setting: Setting) -> pd.Series:
    ordered = with_setting(grid, setting).sort_values("final_loss")
    return ordered.iloc[(len(ordered) - 1) // 2]


def missed_modes(table: pd.DataFrame) -> pd.DataFrame:
    """How many fits of each guide miss a mode, with k-hat and minus the ELBO at its best setting."""
    grid = successful_grid(table)
    labels = {
        "guide": "guide",
        "all": "fits that miss a mode",
        "best": "of its best setting",
        "where": "the missed mode (fits)",
        "elbo": "minus ELBO, best setting",
        "khat": "k-hat, best setting",
    }
    rows = [_missed(grid, setting) for setting in best_setting_of_each_guide(table).values()]
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _missed(grid: pd.DataFrame, setting: Setting) -> dict:
    fits = grid[grid["guide"] == setting.guide]
    best = with_setting(grid, setting)
    missing = fits[misses_a_mode(fits)]
    where = missing["missed_mode"].value_counts()
    return {
        "guide": setting.guide,
        "all": count_of(len(missing), len(fits)),
        "best": count_of(misses_a_mode(best).sum(), len(best)),
        "where": "; ".join(f"{place} ({count})" for place, count in where.items()) or "none",
        "elbo": -best["elbo"].median(),
        "khat": best["khat"].median(),
    }
