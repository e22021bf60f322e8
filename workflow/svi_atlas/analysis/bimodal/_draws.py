"""Draws of a fitted guide as a table."""

from __future__ import annotations

import pandas as pd
import xarray as xr

MAX_DRAWS = 5000
"""Draws of a fit that figures show."""


def draws_of(fit: xr.Dataset) -> pd.DataFrame:
    """The first MAX_DRAWS draws of the last iterate of one fit: columns `x` and `y`."""
    last = fit.sel(iterate="last")
    return pd.DataFrame(
        {site: last[f"site.{site}"].to_numpy().ravel()[:MAX_DRAWS] for site in ("x", "y")}
    )
