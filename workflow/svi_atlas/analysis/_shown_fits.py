"""The fit that a page shows of each model: the first adequate one of the recommended setting, or the best of the closest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.judgement.advice import gather
from svi_atlas.judgement.recommendation import recommend


def shown_fits(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each model with the row of the fit that is shown of it."""
    in_grid = table[(table["block"] != "single") & (table["verdict"] != "failed")]
    for model, rows in in_grid.groupby("model", sort=False):
        best = recommend(rows)
        if len(best):
            keys = ["guide", "label", "schedule", "step_size"]
            chosen = rows[(rows[keys] == best.iloc[0][keys]).all(axis=1)]
            yield str(model), chosen[chosen["verdict"] == "adequate"].iloc[0]
        else:
            closest = gather(rows).closest
            yield str(model), closest.iloc[int(closest["elbo"].fillna(-np.inf).argmax())]


def fit_of(fits: xr.Dataset, row: pd.Series) -> xr.Dataset:
    """The fit of a row at the averaged iterate, from the dataset of its cell."""
    is_setting = (fits["step_size"] == row["step_size"]) & (fits["schedule"] == row["schedule"])
    place = {
        "iterate": list(fits["iterate"].to_numpy()).index("averaged"),
        fits["schedule"].dims[0]: int(np.flatnonzero(is_setting.to_numpy())[0]),
        "seed": int(np.flatnonzero(fits["seed"].to_numpy() == row["seed"])[0]),
    }
    return fits.isel(place)
