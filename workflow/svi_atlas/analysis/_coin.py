"""What the analyses of the coin share: the counts of its tosses and the fits of the tutorial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import xarray as xr

from svi_atlas.problems.coin import exact
from svi_atlas.results.inputs import Fits

ONE_PARTICLE = "tutorial_beta_1_particle"
MANY_PARTICLES = "tutorial_beta_32_particles"
NORMAL = "tutorial_normal"

BETA_FITS = (ONE_PARTICLE, MANY_PARTICLES)
"""Labels of the tutorial's fits of the guide `beta`."""

TUTORIAL_FITS = (*BETA_FITS, NORMAL)
"""Labels of the tutorial's three fits."""


def toss_counts(data: xr.Dataset) -> tuple[int, int]:
    """How many tosses show (heads, tails)."""
    heads = int(data["obs"].sum())
    return heads, data["obs"].size - heads


def optimum(data: xr.Dataset) -> dict[str, float]:
    """The parameters of the guide `beta` at which it is the posterior."""
    return dict(zip(("alpha_q", "beta_q"), exact.posterior(*toss_counts(data)), strict=True))


def single_fits(fits: Fits, labels: Sequence[str]) -> Iterator[tuple[dict, xr.Dataset]]:
    """The single fits with these labels, without their dimensions `seed` and `step_size`.

    Yields what identifies a fit (`label`, `guide`, `num_particles`, and `message`, None unless it
    failed) and the fit itself. Fits that the configuration does not have are left out.
    """
    for label in labels:
        fit = fits.with_label(label)
        if fit is None:
            continue
        identity = {
            "label": label,
            "guide": fit.attrs["guide"],
            "num_particles": int(fit.attrs["num_particles"]),
            "message": fit.attrs.get("message"),
        }
        yield identity, fit if "message" in fit.attrs else fit.isel(seed=0, step_size=0)


def concatenate(parts: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """The parts below each other with these columns; a table without rows if there are none."""
    if not parts:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(parts, ignore_index=True).reindex(columns=list(columns))


def parameters(row: pd.Series) -> dict[str, float]:
    """The fitted parameters of the last iterate by name, from a row of the table of fits."""
    prefix = "param_last."
    names = [str(name) for name in row.index if str(name).startswith(prefix)]
    return {name.removeprefix(prefix): float(row[name]) for name in names}
