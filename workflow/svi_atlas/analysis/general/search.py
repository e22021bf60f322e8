"""What a search tried, family by family, and what it found."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import model_label, with_labels
from svi_atlas.formatting import MISSING, count_of, number
from svi_atlas.guide_traits import FAMILIES
from svi_atlas.results.inputs import Fits

LABELS = {
    "guide": "guide",
    "whitened": "whitened",
    "setting": "setting found",
    "arrived": "arrived",
    "adequate": "adequate",
    "evaluations": "gradient evaluations of a fit",
    "trials": "trials",
    "trial_evaluations": "gradient evaluations of all trials",
}


def search_families(table: pd.DataFrame, searches: Fits) -> pd.DataFrame:
    """One row per model and family, from cheap to expressive.

    Columns: whether it was `whitened`, or why not; the `setting` that was found, or why there is none: the
    family failed or was not tried; how many of its fits
    have `arrived` within the budget and are `adequate`; `evaluations`, the gradient evaluations of a fit (median); the number of `trials` and
    `trial_evaluations`, the gradient evaluations of all of them.
    """
    fits = table[table["block"] == "search"]
    rows = [
        {
            "model": model,
            "guide": guide,
            **_describe(
                fits[(fits["model"] == model) & (fits["guide"] == guide)],
                searches[model, guide, label],
            ),
        }
        for model, guide, label in _from_cheap_to_expressive(searches)
    ]
    frame = pd.DataFrame(rows, columns=["model", *LABELS])
    return with_labels(frame, model_label(frame) | LABELS)


def _from_cheap_to_expressive(searches: Fits) -> Iterator[tuple[str, str, str]]:
    models = dict.fromkeys(model for model, _, _ in searches)
    for model in models:
        cells = [cell for cell in searches if cell[0] == model]
        yield from sorted(cells, key=lambda cell: FAMILIES.index(cell[1]))


def _describe(fits: pd.DataFrame, dataset: xr.Dataset) -> dict:
    row = dict.fromkeys(LABELS, MISSING)
    del row["guide"]
    if "skipped" in dataset.attrs:
        return row | {"setting": f"not tried: {dataset.attrs['skipped']}"}
    row["whitened"] = "yes" if dataset.attrs["whitened"] else f"no: {dataset.attrs['start']}"
    if "message" in dataset.attrs:
        return row | {"setting": f"failed: {dataset.attrs['message']}"}
    adequate = (fits["verdict"] == "adequate").sum()
    return row | {
        "setting": _setting(fits),
        "arrived": count_of((fits["stopped"] == "arrived").sum(), len(fits)),
        "adequate": count_of(adequate, len(fits)),
        "evaluations": number(int(fits["gradient_evaluations"].median())),
        "trials": number(dataset.sizes["trial"]),
        "trial_evaluations": number(int(dataset["trial_gradient_evaluations"].sum())),
    }


def _setting(fits: pd.DataFrame) -> str:
    first, steps = fits.iloc[0], fits["num_steps"]
    fewest, most = (number(int(steps.min())), number(int(steps.max())))
    length = f"{most} steps" if fewest == most else f"{fewest} to {most} steps"
    return (
        f"{first['num_particles']} particles, step size {first['step_size']:g},\n"
        f"{first['schedule']}, {length}"
    )
