"""More particles smooth the loss: by how much, and whether as one over the square root of their number."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._series import quantiles
from svi_atlas.analysis._statistics import median_standard_error
from svi_atlas.analysis._tables import model_label, with_labels
from svi_atlas.analysis.statements._selection import (
    columns_of,
    compared_families,
    usable_settings,
    why_unusable,
)
from svi_atlas.analysis.statements._text import range_over_seeds
from svi_atlas.judgement.families import Family
from svi_atlas.results.inputs import Fits, with_schedule

FITS = {"loss_noise": {"label": ["particles-*"]}}
"""Which fits an analysis reads."""

TAIL = 0.25
"""Share of the steps, from the end, over which the noise is measured."""

KEYS = ["model", "guide", "family", "num_particles", "step_size"]


def loss_noise(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Standard deviation of the loss of each fit over the last quarter of its steps.

    It is taken from the differences of successive losses, so that a slow drift adds nothing; losses
    that are not finite are left out. Guides fitted with one number of particles are left out, and so are
    settings at which most seeds failed or diverged.

    Returns
    -------
    DataFrame
        One row per fit: `model`, `guide`, `family`, `num_particles`, `step_size`, `seed`, `noise` (nats).
        A guide without a usable setting has one row, whose `note` says why.
    """
    parts = [pd.DataFrame(columns=[*KEYS, "seed", "noise", "note"])]
    for family in compared_families(table):
        rows = _noise_of_guide(table, fits, family)
        if not rows:
            rows = [pd.DataFrame({"note": [why_unusable(table, family)]})]
        parts += [part.assign(**columns_of(family)) for part in rows]
    types = {"num_particles": float, "step_size": float, "seed": float, "noise": float}
    return pd.concat([part.astype(object) for part in parts], ignore_index=True).astype(types)


def _noise_of_guide(table: pd.DataFrame, fits: Fits, family: Family) -> list[pd.DataFrame]:
    settings = usable_settings(table, family)
    parts = []
    for count, label in sorted(family.labels.items()):
        step_sizes = sorted(step_size for other, step_size in settings if other == count)
        if not step_sizes:
            continue
        cell = with_schedule(fits[family.model, family.guide, label], family.schedule)
        cell = cell.sel(step_size=step_sizes)
        loss = cell["loss"].transpose("step_size", "seed", "step")
        length = max(2, round(TAIL * cell.sizes["step"]))
        tail = loss.isel(step=slice(-length, None)).to_numpy()
        for step_size, losses in zip(step_sizes, tail, strict=True):
            columns = {"seed": cell["seed"].to_numpy(), "noise": _noise_of(losses), "note": None}
            parts.append(pd.DataFrame(columns).assign(num_particles=count, step_size=step_size))
    return parts


def _noise_of(loss: np.ndarray) -> np.ndarray:
    """Standard deviation (nats) of each seed, NaN if none is finite; loss: (seed, step)."""
    with np.errstate(invalid="ignore", over="ignore"):
        squares = np.diff(loss.astype(float), axis=-1) ** 2
    finite = np.isfinite(squares)
    count = finite.sum(-1)
    mean = np.where(finite, squares, 0.0).sum(-1) / np.maximum(count, 1)
    return np.where(count > 0, np.sqrt(mean / 2), np.nan)


def loss_noise_ranges(loss_noise: pd.DataFrame) -> pd.DataFrame:
    """Median and 10 % to 90 % range over the seeds of each setting, and what the square root predicts.

    One row per setting: `low`, `median`, `high`, and `expected`, one over the square root of the number
    of particles from the median with the fewest (nats). A guide without a usable setting keeps its `note`.
    """
    rows = []
    for keys, fits in loss_noise.groupby(KEYS, sort=False, dropna=False):
        low, median, high = quantiles(fits["noise"].to_numpy(), (0.1, 0.5, 0.9))
        setting = dict(zip(KEYS, keys, strict=True))
        rows.append(
            {**setting, "low": low, "median": median, "high": high, "note": fits["note"].iloc[0]}
        )
    ranges = pd.DataFrame(rows, columns=[*KEYS, "low", "median", "high", "note"])
    ranges = ranges.sort_values("num_particles", kind="stable")
    settings = ranges.groupby(["family", "step_size"], dropna=False)
    first = settings[["num_particles", "median"]].transform("first")
    expected = first["median"] * np.sqrt(first["num_particles"] / ranges["num_particles"])
    return ranges.assign(expected=expected).sort_index()


def noise_exponents(loss_noise: pd.DataFrame) -> pd.DataFrame:
    """By which power of the number of particles the noise falls, at each guide and step size.

    Compares the fewest with the most particles, seed by seed. One row per guide and step size with the
    noise as text for the page, and the `median` of the exponent with its standard `error`.
    """
    rows = []
    for (model, guide, _, step_size), fits in loss_noise.groupby(
        ["model", "guide", "family", "step_size"], sort=False
    ):
        noise = fits.pivot(index="seed", columns="num_particles", values="noise")
        fewest, most = int(noise.columns.min()), int(noise.columns.max())
        noise = noise.loc[(noise[[fewest, most]] > 0).all(axis=1)]
        if fewest == most or noise.empty:
            continue
        few, many = noise[fewest].to_numpy(), noise[most].to_numpy()
        exponent = np.log(few / many) / np.log(most / fewest)
        rows.append(
            {
                "guide": guide,
                "model": model,
                "step_size": step_size,
                "counts": f"{fewest:g}, {most:g}",
                "few": range_over_seeds(few),
                "many": range_over_seeds(many),
                "exponent": range_over_seeds(exponent),
                "median": float(np.median(exponent)),
                "error": median_standard_error(exponent),
            }
        )
    columns = ["guide", "model", "step_size", "counts", "few", "many", "exponent"]
    frame = pd.DataFrame(rows, columns=[*columns, "median", "error"])
    frame = frame.astype({"step_size": float, "median": float, "error": float})
    return with_labels(
        frame,
        {
            "guide": "guide",
            **model_label(loss_noise),
            "step_size": "step size",
            "counts": "particles",
            "few": "noise with the fewest (nats)",
            "many": "noise with the most (nats)",
            "exponent": "exponent",
        },
    )
