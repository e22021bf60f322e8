"""The ways to fit that are compared, when a fit has arrived, and what a search ended with."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.recommendation import MIN_ADEQUATE_SHARE

MAX_MEAN_ERROR = 0.1
"""A fit has arrived if every mean is this close to that of the reference, in posterior sds, and"""

MAX_SD_ERROR = 0.1
"""every sd, relative to that of the reference."""

SEARCH, NUTS = "search", "nuts"
"""The ways that have no setting."""


def has_arrived(table: pd.DataFrame) -> pd.Series:
    """Whether each row (fit or chain) is close to the reference; not if its errors are unknown."""
    errors = table.reindex(columns=["mean_error", "sd_ratio"]).astype(float)
    near = (errors["sd_ratio"] - 1).abs() <= MAX_SD_ERROR
    return (errors["mean_error"] <= MAX_MEAN_ERROR) & near


def with_ways(table: pd.DataFrame) -> pd.DataFrame:
    """The fits with the column `way`, such as "constant 0.001", "whitened cosine 0.03" or "search"."""
    whitened = table.reindex(columns=["whitened"])["whitened"].eq(True)
    settings = table.assign(whitened=whitened).to_dict("records")
    return table.assign(way=[_name_way(setting) for setting in settings])


def _name_way(setting: Mapping[Hashable, Any]) -> str:
    if setting["block"] == "search":
        return SEARCH
    words = ["whitened"] if setting["whitened"] else []
    if guide_traits(setting["guide"]).flow:
        words.append("flow")
    return " ".join([*words, setting["schedule"], f"{setting['step_size']:g}"])


def in_order(ways: pd.Series) -> list[str]:
    """The ways that occur: settings first, then the search and NUTS."""
    return sorted(ways.unique(), key=lambda way: (way == SEARCH) + 2 * (way == NUTS))


def found_by_search(fits: pd.DataFrame) -> pd.DataFrame:
    """The fits of the family that the search of one model ended with.

    The first that is adequate for MIN_ADEQUATE_SHARE of its seeds. If there is none, the family with the best ELBO, or
    the last one if no ELBO is known.

    Parameters
    ----------
    fits : rows of the search on one model, families from cheap to expressive.
    """
    families = [rows for _, rows in fits.groupby("guide", sort=False)]
    for rows in families:
        if (rows["verdict"] == "adequate").mean() >= MIN_ADEQUATE_SHARE:
            return rows
    elbo = [rows["elbo"].median() if "elbo" in rows else np.nan for rows in families]
    return families[-1 if np.isnan(elbo).all() else int(np.nanargmax(elbo))]


def sd_factor(sd_ratio: pd.Series) -> pd.Series:
    """By which factor each sd is off, at least 1, whether it is too large or too small."""
    with np.errstate(divide="ignore"):
        return pd.Series(np.exp(np.abs(np.log(sd_ratio.astype(float)))), sd_ratio.index)


def median_over_seeds(values: pd.Series) -> float:
    """Median in which a missing value counts as infinite; NaN if all are missing."""
    known = values.astype(float)
    return float(known.fillna(np.inf).median()) if known.notna().any() else float("nan")
