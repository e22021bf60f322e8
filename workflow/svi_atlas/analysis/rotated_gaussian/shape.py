"""Covariances of the fits: their entries, principal standard deviations and angles."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.rotated_gaussian._covariances import covariance_of
from svi_atlas.analysis.rotated_gaussian._selection import MODEL, fits_at_setting, tutorial_fit
from svi_atlas.formatting import MISSING, number
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.ranking import best_settings as rank_settings
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.rotated_gaussian import exact
from svi_atlas.problems.rotated_gaussian.exact import SHAPE
from svi_atlas.results.inputs import Fits

FITS = {
    "shapes": {
        "model": ["unconstrained"],
        "guide": ["AutoIAFNormal", "AutoBNAFNormal", "AutoLaplaceApproximation"],
        "label": ["particles-*"],
    }
}
"""Guides whose parameters hold no covariance."""

QUANTITIES = {
    "var_first": "variance of x",
    "var_second": "variance of y",
    "cov": "covariance",
    "sd_short": "sd, short axis",
    "sd_long": "sd, long axis",
    "angle_degrees": "angle (degrees)",
}
"""What the members of SHAPE are called."""

PUBLISHED = {
    "var_first": "variance of x",
    "var_second": "variance of y",
    "cov": "covariance",
    "sd_short": "sd along the short axis",
    "sd_long": "sd along the long axis",
    "angle_degrees": "angle of the long axis",
}
"""How the names of the tutorial's values begin, after the colon, in the comparison."""

COORDINATES = {"unconstrained": "x, y", "positive": "ln s, x"}


def exact_shapes() -> pd.DataFrame:
    """The exact covariance and evidence of each model: one row per model."""
    rows = [
        {
            "model": model,
            "coordinates": COORDINATES[model],
            **{name: float(value) for name, value in exact.shape_of(covariance).items()},
            "log_evidence": exact.log_evidence(model),
        }
        for model, covariance in exact.COVARIANCE.items()
    ]
    labels = {
        "model": "model",
        "coordinates": "coordinates",
        "var_first": "variance, first",
        "var_second": "second",
        "cov": "covariance",
        "sd_short": "short sd",
        "sd_long": "long sd",
        "angle_degrees": "angle (degrees)",
        "log_evidence": "ln Z (nats)",
    }
    return with_labels(pd.DataFrame(rows), labels)


def shapes(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """The shape of every fit to (x, y) that did not fail, last iterate: one row per fit.

    Columns: the setting, the members of SHAPE, and `source`: "parameters" if the guide is a Gaussian
    whose parameters hold its covariance, otherwise "draws". A mean-field guide has no angle.
    """
    rows = table[(table["model"] == MODEL) & (table["verdict"] != "failed")]
    setting = ["guide", "label", "block", "num_particles", "step_size", "seed"]
    derived = {f"derived_last.{name}": name for name in SHAPE}
    parts = []
    for (guide, label), cell in rows.groupby(["guide", "label"], sort=False):
        guide, label = str(guide), str(label)
        shape = cell.reindex(columns=[*setting, *derived]).rename(columns=derived)
        shape["source"] = "parameters"
        if shape["var_first"].isna().all() and (MODEL, guide, label) in fits:
            of_draws = _shapes_of_draws(fits[MODEL, guide, label])
            shape = shape.drop(columns=list(SHAPE)).merge(of_draws, on=["step_size", "seed"])
            shape["source"] = "draws"
        if guide_traits(guide).mean_field:
            shape["angle_degrees"] = np.nan
        parts.append(shape[[*setting, "source", *SHAPE]].astype(dict.fromkeys(SHAPE, float)))
    columns = [*setting, "source", *SHAPE]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _shapes_of_draws(fits: xr.Dataset) -> pd.DataFrame:
    """SHAPE of each fit of a cell: one row per seed and step size."""
    last = fits.sel(iterate="last").transpose("seed", "step_size", "draw", ...)
    draws = np.stack([last["site.x"].to_numpy(), last["site.y"].to_numpy()], -1)
    covariances = covariance_of(draws).reshape(-1, 2, 2)
    pairs = itertools.product(last["seed"].to_numpy(), last["step_size"].to_numpy())
    frame = pd.DataFrame(list(pairs), columns=["seed", "step_size"])
    known = np.isfinite(covariances).all((-2, -1))
    for name, values in exact.shape_of(covariances[known]).items():
        frame.loc[known, name] = values
    return frame


def shape_quantiles(shapes: pd.DataFrame) -> pd.DataFrame:
    """Median and 10 % to 90 % range over the seeds of each quantity of each setting of the grid.

    One row per guide, particle count, step size and member of SHAPE (`quantity`): `low`, `median`,
    `high`, and the `exact` value; `source` as in `shapes`.
    """
    grid = grid_fits(shapes)
    true_shape = exact.shape_of(exact.COVARIANCE[MODEL])
    rows = []
    for (guide, count, step_size), cell in grid.groupby(
        ["guide", "num_particles", "step_size"], sort=False
    ):
        for name in SHAPE:
            values = cell[name][np.isfinite(cell[name])]
            low, median, high = (values.quantile(share) for share in (0.1, 0.5, 0.9))
            rows.append(
                {
                    "guide": guide,
                    "num_particles": count,
                    "step_size": step_size,
                    "source": cell["source"].iloc[0],
                    "quantity": name,
                    "low": low,
                    "median": median,
                    "high": high,
                    "exact": float(true_shape[name]),
                }
            )
    return pd.DataFrame(rows)


def tutorial_shape(table: pd.DataFrame, verification: pd.DataFrame) -> pd.DataFrame:
    """The shape that the tutorial prints beside that of its run here: one row per member of SHAPE.

    Columns: `quantity`, `label`, `guide`, `step_size`, `published`, `last` and `averaged` (iterates of
    this run), `exact`. Empty if the run is absent or failed.
    """
    fit = tutorial_fit(table)
    if fit is None:
        return pd.DataFrame()
    true_shape = exact.shape_of(exact.COVARIANCE[MODEL])
    rows = [
        {
            "quantity": name,
            "label": label,
            "guide": fit["guide"],
            "step_size": float(fit["step_size"]),
            "published": _published(verification, name),
            "last": float(fit.get(f"derived_last.{name}", np.nan)),
            "averaged": float(fit.get(f"derived.{name}", np.nan)),
            "exact": float(true_shape[name]),
        }
        for name, label in QUANTITIES.items()
    ]
    labels = {
        "label": "quantity",
        "published": "published",
        "last": "this run, last iterate",
        "averaged": "this run, averaged iterate",
        "exact": "exact",
    }
    return with_labels(pd.DataFrame(rows), labels)


def _published(verification: pd.DataFrame, quantity: str) -> float:
    """What the tutorial prints for a member of SHAPE; NaN if the comparison does not have it."""
    published = verification[verification["kind"] == "published"]
    for name, value in zip(published["name"], published["expected"], strict=True):
        if name.partition(": ")[2].startswith(PUBLISHED[quantity]):
            return float(value)
    return np.nan


def shape_by_guide(table: pd.DataFrame, shapes: pd.DataFrame) -> pd.DataFrame:
    """The shape at the best setting of each guide, median (10 % to 90 % range), and the exact one."""
    rows = []
    for best in rank_settings(table[table["model"] == MODEL]).itertuples():
        cell = fits_at_setting(table, MODEL, str(best.guide))
        fits = shapes.merge(cell[["guide", "label", "step_size", "seed"]])
        texts = {name: _median_range(fits[name]) for name in SHAPE}
        setting = f"{best.num_particles}, {best.step_size:g}"
        rows.append({"guide": best.guide, "setting": setting, **texts})
    if not rows:
        return pd.DataFrame()
    true_shape = exact.shape_of(exact.COVARIANCE[MODEL])
    texts = {name: number(float(value)) for name, value in true_shape.items()}
    rows.append({"guide": "exact", "setting": "", **texts})
    labels = {"guide": "guide", "setting": "setting", **QUANTITIES}
    del labels["var_second"]
    return with_labels(pd.DataFrame(rows), labels)


def _median_range(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return MISSING
    low, median, high = (number(float(known.quantile(share))) for share in (0.1, 0.5, 0.9))
    return f"{median} ({low} to {high})"
