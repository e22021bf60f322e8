"""Texts for the slots of the page."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis.arrival._selection import NUTS, SEARCH, found_by_search
from svi_atlas.formatting import count_of, humanise, listed, number, plural
from svi_atlas.judgement.recommendation import MIN_ADEQUATE_SHARE

RAW, FUNNEL = "raw_regression", "eight_schools_centred"
"""Posteriors of which the page says more."""


def facts(table: pd.DataFrame, ways: pd.DataFrame) -> pd.DataFrame:
    """What the page says of the run."""
    sufficient = _sufficient(ways)
    return _tables.facts(
        num_posteriors=str(ways["problem"].nunique()),
        num_seeds=plural(int(ways["seeds"].mode().iloc[0]), "seed") if len(ways) else "",
        by_search=_by_search(sufficient),
        by_settings=_by_settings(sufficient),
        raw_regression=_raw_regression(ways),
        funnel=_funnel(table),
        not_arrived=_not_arrived(sufficient),
    )


def _sufficient(ways: pd.DataFrame) -> pd.DataFrame:
    """Whether enough seeds arrive, by posterior and way."""
    share = ways.assign(sufficient=ways["arrived"] >= MIN_ADEQUATE_SHARE * ways["seeds"])
    return share.pivot(index="problem", columns="way", values="sufficient").reindex(
        columns=ways["way"].unique()
    )


def _by_search(sufficient: pd.DataFrame) -> str:
    if SEARCH not in sufficient:
        return ""
    known = sufficient[SEARCH].dropna()
    return (
        f"With nothing configured, a search arrives on {count_of(known.sum(), len(known))} "
        f"posteriors for at least {MIN_ADEQUATE_SHARE:.0%} of the seeds."
    ).replace("%", " %")


def _by_settings(sufficient: pd.DataFrame) -> str:
    """How often the best constant step size and the best falling one arrive."""
    parts = []
    for schedule, words in (("constant", "constant step size"), ("cosine", "falling step size")):
        own = [way for way in sufficient if str(way).startswith(schedule)]
        if own:
            counts = sufficient[own].sum()
            parts.append(
                f"the best {words} ({str(counts.idxmax()).split()[-1]}) on "
                f"{count_of(counts.max(), sufficient[own].notna().all(axis=1).sum())}"
            )
    return f"In the grid, {listed(parts)}." if parts else ""


def _raw_regression(ways: pd.DataFrame) -> str:
    own = ways[ways["problem"] == RAW].set_index("way")
    if not {SEARCH, NUTS} <= set(own.index) or own.loc[[SEARCH, NUTS], "mean_error"].isna().any():
        return ""
    return (
        "On the regression with raw predictors the search ends "
        f"{number(own.loc[SEARCH, 'mean_error'], 2)} posterior sd from the exact means, NUTS of the "
        f"same cost {number(own.loc[NUTS, 'mean_error'], 2)} (medians)."
    )


def _funnel(table: pd.DataFrame) -> str:
    """What the search says of the funnel, in the words of its verdict."""
    own = table[(table["model"] == FUNNEL) & (table["block"] == SEARCH)]
    if own.empty:
        return ""
    result = found_by_search(own)
    adequate = int((result["verdict"] == "adequate").sum())
    text = (
        f"On {humanise(FUNNEL)} the search ends with {result['guide'].iloc[0]}, which is called "
        f"adequate for {count_of(adequate, len(result))} seeds"
    )
    reasons = result.loc[result["verdict"] != "adequate", "reason"].dropna()
    return f"{text}: {reasons.mode().iloc[0]}." if len(reasons) else f"{text}."


def _not_arrived(sufficient: pd.DataFrame) -> str:
    if SEARCH not in sufficient:
        return ""
    missed = sufficient.index[sufficient[SEARCH].eq(False)]
    if missed.empty:
        return "It arrives on all of them."
    return f"It does not on {listed([humanise(str(name)) for name in missed])}."
