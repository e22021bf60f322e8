"""The exact Gaussians of this experiment, and the covariances of its fits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.results.store import Results


def turned(sd_short: float, sd_long: float) -> np.ndarray:
    """Covariance (2, 2) with these principal sds, the long axis at 45 degrees."""
    half_sum, half_difference = (sd_long**2 + sd_short**2) / 2, (sd_long**2 - sd_short**2) / 2
    return np.array([[half_sum, half_difference], [half_difference, half_sum]])


EXACT = {"unconstrained": turned(1.0, 3.0), "positive": turned(0.2, 0.6)}
"""Exact covariance by model: of (x, y), and of (ln s, x)."""

MODEL = "unconstrained"
GUIDES = ("AutoMultivariateNormal", "AutoNormal")
"""The two guides that are held against each other: with and without correlation."""

MEAN_FIELD = ("AutoNormal", "AutoDiagonalNormal")
"""Guides without correlation: their principal axes are the coordinate axes."""

QUANTITIES = ("var_first", "var_second", "cov", "sd_short", "sd_long", "angle_degrees")


def quantities(covariance: np.ndarray) -> dict[str, np.ndarray]:
    """Entries, principal sds and angle of the long axis (degrees) of covariances (..., 2, 2)."""
    variances, axes = np.linalg.eigh(covariance)
    return {
        "var_first": covariance[..., 0, 0],
        "var_second": covariance[..., 1, 1],
        "cov": covariance[..., 0, 1],
        "sd_short": np.sqrt(variances[..., 0]),
        "sd_long": np.sqrt(variances[..., 1]),
        "angle_degrees": np.degrees(np.arctan2(axes[..., 1, 1], axes[..., 0, 1])) % 180,
    }


def of_fits(results: Results, model: str = MODEL) -> pd.DataFrame:
    """The QUANTITIES of every fit of a model that did not fail, a row a fit (last iterate).

    From the guide's parameters where it is a Gaussian, else from its draws: column `source`. A
    mean-field guide has no angle.
    """
    table = results.table()
    table = table[(table["model"] == model) & (table["verdict"] != "failed")]
    derived = [f"derived.{name}" for name in QUANTITIES]
    found = table.reindex(columns=[*table.columns.difference(derived), *derived]).rename(
        columns=dict(zip(derived, QUANTITIES, strict=True))
    )
    found["source"] = np.where(found["var_first"].notna(), "parameters", "draws")
    without = found[found["source"] == "draws"].drop_duplicates(["guide", "label"])
    for guide, run in zip(without["guide"], without["label"], strict=True):
        from_draws = _from_draws(results, model, guide, run)
        chosen = (found["guide"] == guide) & (found["label"] == run)
        for name in QUANTITIES:
            found.loc[chosen, name] = [
                from_draws[name][seed, step_size]
                for seed, step_size in zip(
                    found.loc[chosen, "seed"], found.loc[chosen, "step_size"], strict=True
                )
            ]
    found.loc[found["guide"].isin(MEAN_FIELD), "angle_degrees"] = np.nan
    return found


def _from_draws(results: Results, model: str, guide: str, label: str) -> dict[str, dict]:
    fit = results.fit(model, guide, label).sel(iterate="last")
    first, second = ("x", "y") if model == MODEL else ("s", "x")
    draws = np.stack([fit[f"site.{name}"].to_numpy() for name in (first, second)], -1)
    if model == "positive":
        draws[..., 0] = np.log(draws[..., 0])
    shape = quantities(covariance_of(draws))
    places = [(s, t) for s in fit["seed"].to_numpy() for t in fit["step_size"].to_numpy()]
    return {name: dict(zip(places, value.ravel(), strict=True)) for name, value in shape.items()}


def covariance_of(draws: np.ndarray) -> np.ndarray:
    """Covariances (..., 2, 2) of draws (..., draw, 2)."""
    centred = draws.astype(float) - draws.mean(-2, keepdims=True)
    return np.swapaxes(centred, -1, -2) @ centred / (draws.shape[-2] - 1)


def typical_fit(fits: pd.DataFrame) -> pd.Series | None:
    """Of those with the commonest verdict the one whose KL is the median; None without fits."""
    known = fits[fits["kl"].notna()].sort_values("kl") if "kl" in fits else fits.iloc[:0]
    known = known[known["verdict"].isin(known["verdict"].mode()[:1])]
    return None if known.empty else known.iloc[(len(known) - 1) // 2]


def at_setting(
    table: pd.DataFrame, model: str, guide: str, setting: tuple[str, float] | None = None
) -> pd.DataFrame:
    """The fits of a guide at a run and step size, at its best setting if none is given."""
    grid = grid_fits(table)
    grid = grid[(grid["model"] == model) & (grid["guide"] == guide) & (grid["verdict"] != "failed")]
    if setting is None:
        best = best_settings(grid)
        if best.empty:
            return grid
        setting = best.iloc[0]["label"], best.iloc[0]["step_size"]
    return grid[(grid["label"] == setting[0]) & np.isclose(grid["step_size"], setting[1])]


def shared_setting(table: pd.DataFrame) -> tuple[str, float]:
    """Run and step size at which both GUIDES converge, for most seeds, closest to the posterior."""
    grid = grid_fits(table)
    usable = (grid["model"] == MODEL) & (grid["verdict"] != "failed")
    both = grid[usable & grid["guide"].isin(GUIDES)]
    both = both.assign(at_rest=both["converged"].fillna(False).astype(float))
    by_guide = both.groupby(["label", "step_size", "guide"])[["at_rest", "kl"]].mean()
    settings = by_guide.groupby(["label", "step_size"]).agg({"at_rest": "min", "kl": "mean"})
    settings["most"] = settings["at_rest"] > 0.5
    return settings.sort_values(["most", "kl"], ascending=[False, True]).index[0]


def draw_ellipses(
    axes: Axes, covariance: np.ndarray, colour: str, mean=(0.0, 0.0), sds=(1, 2), **options
) -> None:
    """The contours of a Gaussian that are `sds` standard deviations from its mean."""
    variances, directions = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
    for count in sds:
        long, short = 2 * count * np.sqrt(variances[::-1])
        axes.add_patch(
            Ellipse(mean, long, short, angle=angle, fill=False, edgecolor=colour, **options)
        )
