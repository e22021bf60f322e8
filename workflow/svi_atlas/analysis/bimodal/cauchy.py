"""Why a guide with a Cauchy tail has an infinite loss, and what helps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.bimodal._selection import (
    AS_SUGGESTED,
    CLIPPED,
    FIXED_ANGLE,
    NAIVE_DENSITY,
    TRUNCATED,
    Setting,
    single_fit,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import median_range, number
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "suggested_paths": {"label": ["cauchy_as_suggested", "cauchy_clipped"]},
    "fixed_angle_paths": {"guide": ["cauchy_mixture_fixed_angle"], "label": ["particles-8"]},
    "truncated_paths": {"guide": ["truncated_cauchy_mixture"], "label": ["particles-16"]},
}
"""Which fits an analysis reads."""

CAUCHY_GUIDES = ("cauchy_mixture", FIXED_ANGLE.guide, TRUNCATED.guide)

ANGLES = (45.0, 44.0, 40.0, 30.0)
"""Degrees; the first is exact."""

MAX_DISTANCE, NUM_POINTS = 1500.0, 4000
"""How far along a tail its density is followed, and at how many points."""


def cauchy_tails() -> pd.DataFrame:
    """The exact log density along the tail of one mode of a Cauchy guide, by the guide's angle.

    One row per point: `angle` (degrees), `u2` (distance along the tail), `x`, `y`, `log_density` (nats,
    unnormalised, continued outside the box), `inside` (whether the point lies in the box).
    """
    u2 = np.geomspace(0.5, MAX_DISTANCE, NUM_POINTS)
    return pd.concat([_tail(angle, u2) for angle in ANGLES], ignore_index=True)


def _tail(angle: float, u2: np.ndarray) -> pd.DataFrame:
    theta = np.radians(angle)
    x = np.cos(theta) * exact.B - np.sin(theta) * u2
    y = np.cos(theta) * u2 + np.sin(theta) * exact.B
    columns = {"u2": u2, "x": x, "y": y, "log_density": exact.log_density(x, y)}
    inside = np.maximum(np.abs(x), np.abs(y)) < exact.HALF_BOX
    return pd.DataFrame(columns).assign(angle=angle, inside=inside)


def nonfinite_shares(table: pd.DataFrame) -> pd.DataFrame:
    """Losses that are not finite: median share over the seeds, for the guides with a Cauchy tail.

    One row per guide, step size and number of particles (the smallest and the largest of each guide):
    `percent`.
    """
    grid = successful_grid(table)
    parts = []
    for guide in CAUCHY_GUIDES:
        fits = grid[grid["guide"] == guide]
        counts = fits["num_particles"]
        fits = fits[(counts == counts.min()) | (counts == counts.max())]
        keys = ["guide", "num_particles", "step_size"]
        parts.append(100 * fits.groupby(keys)["nonfinite"].median())
    return pd.concat(parts).rename("percent").reset_index()


def suggested_paths(fits: Fits) -> pd.DataFrame:
    """Scale and angle at each step, with the suggested Cauchy tail and with clipped gradients.

    One row per snapshot: `label`, `seed`, `step_size`, `step`, `sig2_q`, `theta_degrees` (NaN if
    the guide's angle is fixed), `message` of a fit that failed, which has one row. Fits that are absent
    are left out.
    """
    cells = {label: fits.with_label(label) for label in (AS_SUGGESTED, CLIPPED)}
    return _concat([_paths(fit, label) for label, fit in cells.items() if fit is not None])


def fixed_angle_paths(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Scale at each step and seed with the angle fixed; columns as of `suggested_paths`."""
    return _paths_of_setting(table, fits, FIXED_ANGLE)


def truncated_paths(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Scale and angle at each step and seed, truncated to the box; columns as of `suggested_paths`."""
    return _paths_of_setting(table, fits, TRUNCATED)


def _paths_of_setting(table: pd.DataFrame, fits: Fits, setting: Setting) -> pd.DataFrame:
    label = f"particles-{setting.num_particles}"
    rows = table[(table["guide"] == setting.guide) & (table["label"] == label)]
    if rows.empty:
        return _concat([])
    cell = fits[rows["model"].iloc[0], setting.guide, label]
    return _concat([_paths(cell, setting.guide, setting.step_size)])


def _paths(fits: xr.Dataset, label: str, step_size: float | None = None) -> pd.DataFrame:
    """Paths of the seeds at the step size that is nearest, or at the only one."""
    if "message" in fits.attrs:
        return pd.DataFrame({"label": [label], "message": [fits.attrs["message"]]})
    if step_size is None:
        fits = fits.isel(step_size=0)
    else:
        fits = fits.sel(step_size=step_size, method="nearest")
    parts = []
    for seed in fits["seed"].to_numpy():
        fit = fits.sel(seed=seed)
        columns = {"step": fit["snapshot_step"], "sig2_q": fit["path.sig2_q"]}
        path = pd.DataFrame({name: values.to_numpy() for name, values in columns.items()})
        theta = np.degrees(fit["path.theta"].to_numpy()) if "path.theta" in fit else np.nan
        constant = {"label": label, "seed": seed, "step_size": float(fits["step_size"])}
        parts.append(path.assign(theta_degrees=theta, **constant))
    return pd.concat(parts, ignore_index=True)


def _concat(parts: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["label", "seed", "step_size", "step", "sig2_q", "theta_degrees", "message"]
    paths = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return paths.reindex(columns=columns)


def cauchy_outcomes(table: pd.DataFrame) -> pd.DataFrame:
    """What becomes of each variant of the Cauchy tail: losses that are not finite, angle, scale, verdict.

    Variants of which no fit succeeded are left out. Over several seeds: median with the 10 % to 90 %
    range, and the most frequent verdict.
    """
    grid = successful_grid(table)
    single = {
        "as suggested": single_fit(table, AS_SUGGESTED),
        "as suggested, on the naive density": single_fit(table, NAIVE_DENSITY),
        "with clipped gradients": single_fit(table, CLIPPED),
    }
    several = {
        f"theta fixed at 45°, {_setting(FIXED_ANGLE)}": with_setting(grid, FIXED_ANGLE),
        f"truncated to the box, {_setting(TRUNCATED)}": with_setting(grid, TRUNCATED),
    }
    rows = [_outcome(name, fit) for name, fit in single.items() if fit is not None]
    rows += [_outcomes(name, fits) for name, fits in several.items() if len(fits)]
    labels = {
        "variant": "guide and fit",
        "nonfinite": "losses not finite (%)",
        "first": "first at step",
        "theta": "theta (degrees)",
        "sig2_q": "sig2_q",
        "seeds": "seeds",
        "verdict": "verdict",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _setting(setting: Setting) -> str:
    return f"{setting.num_particles} particles, step {setting.step_size:g}"


def _outcome(name: str, fit: pd.Series) -> dict:
    first = fit["first_nonfinite"]
    return {
        "variant": name,
        "nonfinite": number(100 * fit["nonfinite"], 3),
        "first": number(int(first)) if np.isfinite(first) else "none",
        "theta": number(fit["derived_last.theta_degrees"], 4),
        "sig2_q": number(fit["param_last.sig2_q"], 3),
        "seeds": 1,
        "verdict": fit["verdict"],
    }


def _outcomes(name: str, fits: pd.DataFrame) -> dict:
    first = fits["first_nonfinite"]
    return {
        "variant": name,
        "nonfinite": median_range(100 * fits["nonfinite"]),
        "first": median_range(first) if first.notna().any() else "none",
        "theta": median_range(fits["derived_last.theta_degrees"]),
        "sig2_q": median_range(fits["param_last.sig2_q"]),
        "seeds": len(fits),
        "verdict": fits["verdict"].mode().iloc[0],
    }
