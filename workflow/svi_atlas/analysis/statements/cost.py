"""Autoguides are simpler and faster: time per fit, steps needed and accuracy of every guide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._series import bin_means, even_bins
from svi_atlas.analysis._tables import model_label, with_labels
from svi_atlas.analysis.statements._selection import (
    columns_of,
    fits_with_elbo,
    fits_with_kl,
    sampled_families,
    why_unusable,
)
from svi_atlas.analysis.statements._text import range_over_seeds
from svi_atlas.formatting import MISSING, count_of
from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.families import Family, families
from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.results.inputs import Fits, with_schedule

FITS = {
    "arrivals": {"label": ["particles-*", "search"]},
    "guide_costs": {"label": ["particles-*", "search"]},
}
"""Which fits an analysis reads."""

ARRIVAL_TOLERANCE = 0.1
"""Nats from its final level within which a loss counts as having arrived."""

WINDOW = 0.002
"""Share of the steps over which the loss is averaged to tell."""

FINAL_SHARE = 0.05
"""Share of the steps, from the end, whose mean loss is the final level."""

MIN_KL = 1e-5
"""Smallest KL divergence (nats) that is shown: below it rounding decides."""

COLUMNS = ["model", "guide", "family"]


class _Choice(NamedTuple):
    """A guide with the cell and the step size at which its cost is measured; None if there is none."""

    family: Family
    num_particles: int
    label: str
    step_size: float | None


def _shared_particles(table: pd.DataFrame) -> int:
    """The most particles that every guide with a sampled loss was fitted with; 0 if there is no such number."""
    counts = [set(family.labels) for family in sampled_families(table)]
    return int(max(set.intersection(*counts), default=0)) if counts else 0


def _choices(table: pd.DataFrame) -> Iterator[_Choice]:
    """Each guide with the shared number of particles (or its fewest) at its best step size there."""
    shared = _shared_particles(table)
    usable = fits_with_elbo(table)
    for family in families(table):
        count = shared if shared in family.labels else min(family.labels)
        label = family.labels[count]
        fits = family.of(usable)
        best = best_settings(fits[fits["label"] == label])
        step_size = None if best.empty else float(best["step_size"].iloc[0])
        yield _Choice(family, int(count), label, step_size)


def arrivals(table: pd.DataFrame, fits: Fits, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Steps until each fit's loss has arrived, and its KL divergence, at the measured settings.

    Returns
    -------
    DataFrame
        `model`, `guide`, `family`, `quantity` and `value`, one row per seed and quantity. `steps`: the
        first step from which a window's mean loss is near its final level. `kl`: KL(q||p) of the last
        iterate (nats), at least its Monte Carlo error, where it is known.
    """
    known = fits_with_kl(table, thresholds["outside_support"])
    parts = [pd.DataFrame(columns=[*COLUMNS, "quantity", "value"])]
    for choice in _choices(table):
        family = choice.family
        if choice.step_size is None:
            continue
        cell = with_schedule(fits[family.model, family.guide, choice.label], family.schedule)
        steps = _steps_needed(cell["loss"].sel(step_size=choice.step_size))
        seeds = family.of(known)
        seeds = seeds[seeds["label"] == choice.label]
        seeds = seeds[seeds["step_size"] == choice.step_size]
        kl = seeds[[name for name in ("kl", "kl_se") if name in seeds]].max(axis=1)
        for quantity, values in (("steps", steps), ("kl", kl.clip(lower=MIN_KL).to_numpy(float))):
            rows = pd.DataFrame({"quantity": quantity, "value": values})
            parts.append(rows.assign(**columns_of(family)))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _steps_needed(loss: xr.DataArray) -> np.ndarray:
    """The first step of each seed from which a window's mean loss is near its final level, (seed,).

    loss: (seed, step), nats. NaN for a seed without a finite final level.
    """
    values = loss.transpose("seed", "step").to_numpy()
    edges = even_bins(values.shape[-1], round(1 / WINDOW))
    means = bin_means(values, edges)
    final = means[:, -max(1, round(FINAL_SHARE / WINDOW)) :].mean(-1)
    near = np.abs(means - final[:, None]) <= ARRIVAL_TOLERANCE
    first = np.where(near.any(-1), near.argmax(-1), 0)
    return np.where(near.any(-1), edges[1:][first], np.nan)


def guide_costs(table: pd.DataFrame, fits: Fits, arrivals: pd.DataFrame) -> pd.DataFrame:
    """What each guide costs, with the same number of particles, at its best step size for it.

    Returns
    -------
    DataFrame
        One row per guide: `num_particles`, `step_size`, `automatic` (an autoguide), `seconds_per_fit` (of
        the cell, which runs as one program), `seconds` (median over the setting's seeds), `compile`
        (seconds, for the whole cell), `steps`, `kl` and `adequate` as text, `shared` (the number of
        particles that all guides have, 0 if there is none), and the `note` of a guide without a usable
        setting.
    """
    shared = _shared_particles(table)
    rows = []
    for choice in _choices(table):
        family = choice.family
        row = columns_of(family) | {
            "num_particles": choice.num_particles,
            "automatic": guide_traits(family.guide).automatic,
            "shared": shared,
        }
        if choice.step_size is None:
            rows.append(row | {"note": why_unusable(table, family)})
            continue
        setting = family.of(fits_with_elbo(table))
        setting = setting[setting["label"] == choice.label]
        setting = setting[np.isclose(setting["step_size"], choice.step_size)]
        cell = with_schedule(fits[family.model, family.guide, choice.label], family.schedule)
        own = (arrivals["model"] == family.model) & (arrivals["guide"] == family.guide)
        steps = arrivals.loc[own & (arrivals["quantity"] == "steps"), "value"]
        rows.append(
            row
            | {
                "step_size": choice.step_size,
                "seconds_per_fit": cell.attrs["seconds_run"]
                / (cell.sizes["seed"] * cell.sizes["step_size"]),
                "seconds": float(setting["seconds"].median()),
                "compile": float(cell.attrs["seconds_compile"]),
                "steps": range_over_seeds(steps, 3),
                "kl": range_over_seeds(setting["kl"]) if "kl" in setting else MISSING,
                "adequate": count_of((setting["verdict"] == "adequate").sum(), len(setting)),
            }
        )
    seconds = ["step_size", "seconds_per_fit", "seconds", "compile"]
    names = [*COLUMNS, "num_particles", "automatic", "shared", *seconds, "steps", "kl", "adequate"]
    frame = pd.DataFrame(rows, columns=[*names, "note"])
    return frame.astype(dict.fromkeys(seconds, float))


def cost_table(table: pd.DataFrame, guide_costs: pd.DataFrame) -> pd.DataFrame:
    """The costs of the guides that have a usable setting."""
    return with_labels(
        guide_costs[guide_costs["note"].isna()],
        {
            "guide": "guide",
            **model_label(grid_fits(table)),
            "num_particles": "particles",
            "step_size": "step size",
            "seconds": "seconds per fit",
            "compile": "seconds to compile",
            "steps": "steps to arrive",
            "kl": "KL (nats)",
            "adequate": "adequate",
        },
    )
