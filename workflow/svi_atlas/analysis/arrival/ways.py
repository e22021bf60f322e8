"""How many seeds arrive, how close they come and what they cost, by posterior and way to fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.arrival._selection import (
    NUTS,
    SEARCH,
    found_by_search,
    has_arrived,
    in_order,
    median_over_seeds,
    sd_factor,
    with_ways,
)
from svi_atlas.formatting import count_of, humanise
from svi_atlas.results.inputs import Fits

COLUMNS = (
    "problem",
    "way",
    "seeds",
    "arrived",
    "mean_error",
    "sd_ratio",
    "gradient_evaluations",
    "seconds_run",
    "seconds_total",
)


def ways(table: pd.DataFrame, fits: Fits, nuts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per posterior and way to fit.

    Returns
    -------
    DataFrame
        `problem`, `way`, `seeds`, `arrived` (number of seeds), medians over the seeds of `mean_error`
        (posterior sd) and `sd_ratio` (the factor, at least 1, by which an sd is off), and the cost of one
        fit: `gradient_evaluations` (median), `seconds_run` and `seconds_total` (with its share of the
        compilation). A search is charged with all its trials, in every family that it tried. NUTS has
        the budget nearest to what the search spent, or without a search to the median of the other ways;
        the largest if neither is known.
    """
    rows = []
    for model, own in with_ways(table).groupby("model", sort=False):
        found = [
            _searched(way_fits, fits) if way == SEARCH else _fitted(way_fits, fits)
            for way, way_fits in own.groupby("way", sort=False)
        ]
        found.sort(key=lambda row: row["way"] == SEARCH)
        chains = nuts.get(str(model), pd.DataFrame())
        if len(chains) and found:
            costs = pd.Series([row["gradient_evaluations"] for row in found])
            searched = found[-1]["way"] == SEARCH
            found.append(_chains(chains, costs.iloc[-1] if searched else costs.median()))
        rows += [{"problem": model, **row} for row in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _fitted(own: pd.DataFrame, fits: Fits) -> dict[str, Any]:
    """The row of a setting of the grid."""
    seconds = own["seconds"].mean() if "seconds" in own else np.nan
    return {
        "way": own["way"].iloc[0],
        **_errors(own),
        "gradient_evaluations": _evaluations(own).median(),
        "seconds_run": seconds,
        "seconds_total": seconds + sum(_seconds_compile(own, fits)),
    }


def _searched(own: pd.DataFrame, fits: Fits) -> dict[str, Any]:
    """The row of a search: the errors of what it found, the cost of all that it tried."""
    result = found_by_search(own)
    trials = sum(_evaluations_of_trials(own, fits))
    seconds = own["seconds"].sum() / len(result) if "seconds" in own else np.nan
    return {
        "way": SEARCH,
        **_errors(result),
        "gradient_evaluations": (_evaluations(own).sum(min_count=1) + trials) / len(result),
        "seconds_run": seconds,
        "seconds_total": seconds + sum(_seconds_compile(own, fits)),
    }


def _chains(chains: pd.DataFrame, target: float) -> dict[str, Any]:
    """The row of NUTS, at the budget nearest to `target` on a logarithmic scale."""
    budgets = np.sort(chains["budget"].unique())
    nearest = budgets[np.abs(np.log(budgets / target)).argmin()] if target > 0 else budgets[-1]
    own = chains[chains["budget"] == nearest]
    cost = own[["gradient_evaluations", "seconds_run", "seconds_total"]]
    return {"way": NUTS, **_errors(own), **cost.median()}


def _errors(own: pd.DataFrame) -> dict[str, Any]:
    known = own.reindex(columns=["mean_error", "sd_ratio"])
    return {
        "seeds": len(own),
        "arrived": int(has_arrived(own).sum()),
        "mean_error": median_over_seeds(known["mean_error"]),
        "sd_ratio": median_over_seeds(sd_factor(known["sd_ratio"])),
    }


def _evaluations(own: pd.DataFrame) -> pd.Series:
    """Gradient evaluations of each fit; NaN where it failed."""
    return own.reindex(columns=["gradient_evaluations"])["gradient_evaluations"].astype(float)


def _evaluations_of_trials(own: pd.DataFrame, fits: Fits) -> Iterator[int]:
    """Gradient evaluations of all trials of each family that was searched and did not fail."""
    cells: Any = own[["model", "guide", "label"]].drop_duplicates().itertuples(index=False)
    for cell in cells:
        if "trial_gradient_evaluations" in (found := fits[tuple(cell)]):
            yield int(found["trial_gradient_evaluations"].sum())


def _seconds_compile(own: pd.DataFrame, fits: Fits) -> Iterator[float]:
    """Seconds to compile each cell of the fits, over the number of seeds that share it."""
    cells: Any = own.groupby(["model", "guide", "label"], sort=False)
    for cell, rows in cells:
        attrs = fits[cell].attrs
        yield float(attrs.get("seconds_compile", np.nan)) / rows["seed"].nunique()


def arrival_counts(ways: pd.DataFrame) -> pd.DataFrame:
    """How many seeds arrive: one row per posterior, one column per way."""
    counts = ways.assign(count=[count_of(row.arrived, row.seeds) for row in ways.itertuples()])
    wide = counts.pivot(index="problem", columns="way", values="count")
    wide = wide.reindex(index=ways["problem"].unique(), columns=in_order(ways["way"]))
    wide.insert(0, "posterior", [humanise(str(problem)) for problem in wide.index])
    return with_labels(wide.fillna(""), {str(name): str(name) for name in wide.columns})


def searches(table: pd.DataFrame, ways: pd.DataFrame) -> pd.DataFrame:
    """What the search ended with on each posterior, and NUTS of the same cost beside it."""
    searched = table[table["block"] == SEARCH]
    rows = []
    for model, own in searched.groupby("model", sort=False):
        result = found_by_search(own)
        beside = ways[ways["problem"] == model].set_index("way").to_dict("index")
        row = {
            "problem": humanise(str(model)),
            "guide": result["guide"].iloc[0],
            "adequate": count_of((result["verdict"] == "adequate").sum(), len(result)),
        }
        for way in (SEARCH, NUTS):
            if way in beside:
                found = beside[way]
                row |= {
                    f"{way}_arrived": count_of(found["arrived"], found["seeds"]),
                    f"{way}_error": found["mean_error"],
                    f"{way}_evaluations": found["gradient_evaluations"],
                    f"{way}_seconds": found["seconds_run"],
                }
        rows.append(row)
    labels = {
        "problem": "posterior",
        "guide": "the search ends with",
        "adequate": "called adequate",
        "search_arrived": "arrived",
        "search_error": "error of a mean",
        "search_evaluations": "gradient evaluations",
        "search_seconds": "seconds",
        "nuts_arrived": "NUTS: arrived",
        "nuts_error": "error of a mean ",
        "nuts_evaluations": "gradient evaluations ",
        "nuts_seconds": "seconds ",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def errors_by_cost(
    table: pd.DataFrame, nuts: Mapping[str, pd.DataFrame], ways: pd.DataFrame
) -> pd.DataFrame:
    """Errors of a mean against gradient evaluations: `problem`, `way`, `cost`, `low`, `median`, `high`.

    One row per posterior and way, and for NUTS one per budget; low and high are the 10 % and 90 %
    quantiles over the seeds, in posterior sds.
    """
    rows = []
    costs = ways.set_index(["problem", "way"])["gradient_evaluations"].to_dict()
    for key, own in with_ways(table).groupby(["model", "way"], sort=False):
        result = found_by_search(own) if key[1] == SEARCH else own
        rows.append((*key, costs[key], *_range_of_errors(result)))
    for model, chains in nuts.items():
        for _, own in chains.groupby("budget"):
            cost = own["gradient_evaluations"].median()
            rows.append((model, NUTS, cost, *_range_of_errors(own)))
    return pd.DataFrame(rows, columns=["problem", "way", "cost", "low", "median", "high"])


def _range_of_errors(own: pd.DataFrame) -> np.ndarray:
    """Quantiles 10 %, 50 % and 90 % of the known errors; NaN if there is none."""
    known = own.reindex(columns=["mean_error"])["mean_error"].astype(float).dropna()
    return known.quantile([0.1, 0.5, 0.9]).to_numpy()
