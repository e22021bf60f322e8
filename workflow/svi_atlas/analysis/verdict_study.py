"""How often the verdict is wrong, where the truth is known: tables for the page of the verdict study."""

from __future__ import annotations

from typing import Any

import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._tables import with_labels
from svi_atlas.formatting import number

MAX_WRONG, MIN_RIGHT = 0.02, 0.9
"""What the verdict promises: shares of wrong fits, and of right fits, that are called adequate."""

MAX_ROWS = 20
"""Wrong verdicts that the page lists."""


def facts(table: pd.DataFrame, truth: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """What the page says of the verdict's error rates, as texts for the slots of its notebook."""
    held_out = rates[rates["split"] == "held_out"].set_index("rule")
    verdict = held_out.loc["verdict"]
    num_wrong = len(_wrong_verdicts(table, truth))
    if num_wrong > MAX_ROWS:
        list_of_wrong = f"The first {MAX_ROWS} of {num_wrong} fits are listed."
    else:
        list_of_wrong = "" if num_wrong else "It is wrong for no fit of this run."
    return _tables.facts(
        num_fits=f"{len(table):,}",
        num_guides=str(table["guide"].nunique()),
        num_densities=str(table["model"].nunique()),
        wrong=f"{verdict['wrong']:,}",
        wrong_called_adequate=f"{verdict['wrong_called_adequate']:,}",
        wrong_rate=_rate(verdict, "wrong"),
        max_wrong=f"{100 * MAX_WRONG:g} %",
        max_wrong_is_met=_met(verdict["wrong_rate"] <= MAX_WRONG),
        right=f"{verdict['right']:,}",
        right_called_adequate=f"{verdict['right_called_adequate']:,}",
        right_rate=_rate(verdict, "right"),
        min_right=f"{100 * MIN_RIGHT:g} %",
        min_right_is_met=_met(verdict["right_rate"] >= MIN_RIGHT),
        list_of_wrong=list_of_wrong,
    )


def _met(holds: Any) -> str:
    return "met" if holds else "**missed**"


def _rate(row: Any, kind: str) -> str:
    """A rate with its exact 95 % interval, in percent; `kind`: "wrong" or "right"."""
    rate, low, high = (100 * row[f"{kind}_rate{end}"] for end in ("", "_low", "_high"))
    return f"{number(rate)} % ({number(low, 2)} to {number(high, 2)})"


def truth_by_guide(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """How many fits are right and how many are called adequate: one row per density and guide."""
    groups = _with_truth(table, truth).groupby(["model", "guide"], sort=False)
    counts = groups.agg(
        fits=("seed", "size"),
        is_converged=("is_converged", "sum"),
        is_adequate=("is_adequate", "first"),
        is_right=("is_right", "sum"),
        called_adequate=("verdict", lambda verdict: (verdict == "adequate").sum()),
    )
    labels = {
        "model": "density",
        "guide": "guide",
        "fits": "fits",
        "is_converged": "converged",
        "is_adequate": "family adequate?",
        "is_right": "right",
        "called_adequate": "called adequate",
    }
    return with_labels(counts.reset_index(), labels)


def held_out_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """The rates of every rule on the held-out densities."""
    return _rates_table(rates, "held_out")


def tuning_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """The rates of every rule on the densities on which the thresholds were tuned."""
    return _rates_table(rates, "tuning")


def _rates_table(rates: pd.DataFrame, split: str) -> pd.DataFrame:
    rates = rates[rates["split"] == split]
    texts = {
        f"{kind}_text": [_rate(row, kind) for _, row in rates.iterrows()]
        for kind in ("wrong", "right")
    }
    labels = {
        "rule": "rule",
        "wrong": "wrong",
        "wrong_called_adequate": "called adequate",
        "wrong_text": "rate",
        "right": "right",
        "right_called_adequate": "called adequate ",
        "right_text": "rate ",
    }
    return with_labels(rates.assign(**texts), labels)


def wrong_verdicts(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The first fits whose verdict is wrong, with the exact and the estimated optimality gap."""
    labels = {
        "model": "density",
        "guide": "guide",
        "num_particles": "particles",
        "step_size": "step size",
        "seed": "seed",
        "is_right": "right?",
        "distance": "gap, exact",
        "elbo_gap": "gap, estimated",
        "elbo_gap_se": "its standard error",
        "reason": "reason",
    }
    rows = _wrong_verdicts(table, truth).head(MAX_ROWS).reindex(columns=list(labels))
    return with_labels(rows.astype({"step_size": float}), labels)


def _wrong_verdicts(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    fits = _with_truth(table, truth)
    return fits[(fits["verdict"] == "adequate") != fits["is_right"]]


def _with_truth(table: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """The fits with what is known of each; both tables have one row per fit, in one order."""
    known = ["is_converged", "is_adequate", "is_right", "distance"]
    return table.reset_index(drop=True).assign(**truth[known].reset_index(drop=True))
