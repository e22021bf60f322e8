"""How often the verdict is wrong, where the truth is known: tables for the page of the verdict study."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._tables import with_labels
from svi_atlas.formatting import number
from svi_atlas.judgement import error_rates
from svi_atlas.judgement.error_rates import RIGHT_ERROR, RIGHT_GAP, WRONG_ERROR

TARGETS = {"reference": (0.02, 0.9), "self": (0.05, 0.8)}
"""What the verdict is to reach by grade: shares of wrong and of right fits that are called adequate."""

SEEN_BEFORE = ("eight_schools_noncentered", "shallow_modes_10", "student_6_1", "log_gamma_4_1")
"""Posteriors that had a part in earlier choices (config/studies/README.md)."""

MAX_ROWS = 20
"""Wrong verdicts that the page lists."""

ERROR_EDGES = (0.0, 0.03, 0.05, 0.07, 0.1, 0.13, 0.16, 0.2, 0.3, 0.5, 1.0, np.inf)
"""Edges of the groups of true errors."""


def facts(pooled: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """What the page says of the verdict's error rates, as texts for the slots of its notebook."""
    texts: dict[str, str] = {}
    for grade, (max_false, min_true) in TARGETS.items():
        row = _headline(rates, grade)
        texts |= {
            f"{grade}_wrong": f"{row['wrong']:,}",
            f"{grade}_wrong_called": f"{row['wrong_called_adequate']:,}",
            f"{grade}_false": _rate(row, "false"),
            f"{grade}_max_false": f"{100 * max_false:g} %",
            f"{grade}_false_met": _met(row["false_rate"] <= max_false),
            f"{grade}_right": f"{row['right']:,}",
            f"{grade}_right_called": f"{row['right_called_adequate']:,}",
            f"{grade}_true": _rate(row, "true"),
            f"{grade}_min_true": f"{100 * min_true:g} %",
            f"{grade}_true_met": _met(row["true_rate"] >= min_true),
        }
    posteriors = pooled[["experiment", "model"]].drop_duplicates()
    return _tables.facts(
        num_fits=f"{len(pooled) // 2:,}",
        num_posteriors=str(len(posteriors)),
        num_with_data=str((posteriors["experiment"] == "verdict_study_posteriordb").sum()),
        right_error=f"{RIGHT_ERROR:g}",
        wrong_error=f"{WRONG_ERROR:g}",
        right_gap=f"{RIGHT_GAP:g}",
        **texts,
    )


def _headline(rates: pd.DataFrame, grade: str) -> Any:
    """The verdict of the averaged iterate over guides of all sizes."""
    rows = rates[
        (rates["rule"] == "verdict")
        & (rates["grade"] == grade)
        & (rates["size"] == "all")
        & (rates["iterate"] == "averaged")
    ]
    return rows.iloc[0]


def _met(holds: Any) -> str:
    return "met" if holds else "**missed**"


def _rate(row: Any, kind: str) -> str:
    """A rate with its 95 % interval, in percent; `kind`: "false" or "true"."""
    rate, low, high = (100 * row[f"{kind}_{end}"] for end in ("rate", "low", "high"))
    return f"{number(rate)} % ({number(low, 2)} to {number(high, 2)})"


def rules(rates: pd.DataFrame) -> pd.DataFrame:
    """The verdict beside other rules, over guides of all sizes."""
    return _rates_table(rates[rates["size"] == "all"], ["rule", "grade", "iterate"])


def sizes(rates: pd.DataFrame) -> pd.DataFrame:
    """The verdict alone, by size of the guide."""
    return _rates_table(rates[rates["rule"] == "verdict"], ["grade", "size", "iterate"])


def unseen(pooled: pd.DataFrame) -> pd.DataFrame:
    """The verdict alone, without the posteriors that had a part in earlier choices."""
    counted = error_rates.rates(pooled[~pooled["model"].isin(SEEN_BEFORE)])
    chosen = counted[(counted["rule"] == "verdict") & (counted["size"] == "all")]
    return _rates_table(chosen, ["grade", "iterate"])


def _rates_table(rates: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    texts = {
        f"{kind}_text": [_rate(row, kind) for _, row in rates.iterrows()]
        for kind in ("false", "true")
    }
    labels = {
        **{key: key for key in keys},
        "wrong": "wrong",
        "wrong_called_adequate": "wrong, called adequate",
        "false_text": "rate of wrong",
        "right": "right",
        "right_called_adequate": "right, called adequate",
        "true_text": "rate of right",
    }
    words = {"reference": "with a reference", "self": "by self-check"}
    sizes = {"all": "all", "to_64": "up to 64 parameters", "above_64": "more than 64 parameters"}
    return with_labels(
        rates.assign(**texts, grade=rates["grade"].map(words), size=rates["size"].map(sizes)),
        labels,
    )


def by_posterior(pooled: pd.DataFrame) -> pd.DataFrame:
    """Fits of the averaged iterate and their verdicts, one row per posterior."""
    fits = pooled[pooled["iterate"] == "averaged"]
    rows = []
    for key, group in fits.groupby(["experiment", "model"], sort=False):
        row: dict[str, Any] = {"posterior": key[1], "fits": len(group)}
        for kind in ("right", "wrong"):
            chosen = group[group[f"is_{kind}"]]
            row |= {
                kind: len(chosen),
                f"{kind}_reference": int(chosen["called:reference:verdict"].sum()),
                f"{kind}_self": int(chosen["called:self:verdict"].sum()),
            }
        rows.append(row)
    labels = {
        "posterior": "posterior",
        "fits": "fits",
        "right": "right",
        "right_reference": "right, adequate",
        "right_self": "right, adequate by self-check",
        "wrong": "wrong",
        "wrong_reference": "wrong, adequate",
        "wrong_self": "wrong, adequate by self-check",
    }
    return with_labels(pd.DataFrame(rows), labels)


def by_error(pooled: pd.DataFrame) -> pd.DataFrame:
    """Share of the fits that are called adequate, by their true error: one row per iterate and group."""
    groups = pd.cut(pooled["error"], list(ERROR_EDGES), right=True)
    grouped = pooled.groupby(["iterate", groups], observed=True)
    shares = {
        "fits": grouped["error"].size(),
        "median_error": grouped["error"].median(),
        "reference": grouped["called:reference:verdict"].mean(),
        "self": grouped["called:self:verdict"].mean(),
    }
    table = pd.DataFrame(shares).reset_index()
    table["error"] = [f"{part.left:g} to {part.right:g}" for part in table["error"]]
    labels = {
        "iterate": "iterate",
        "error": "true error (sd)",
        "fits": "fits",
        "reference": "share adequate",
        "self": "share adequate by self-check",
    }
    return with_labels(table, labels)


def wrong_verdicts(pooled: pd.DataFrame) -> pd.DataFrame:
    """Wrong fits that are called adequate, the largest errors first, and right ones that are not."""
    false = pooled[pooled["is_wrong"] & pooled["called:reference:verdict"]]
    missed = pooled[pooled["is_right"] & ~pooled["called:reference:verdict"]]
    rows = pd.concat(
        [
            false.sort_values("error", ascending=False).head(MAX_ROWS),
            missed.groupby(["model", "guide"], sort=False).head(1).head(MAX_ROWS),
        ]
    )
    labels = {
        "model": "posterior",
        "guide": "guide",
        "schedule": "schedule",
        "step_size": "step size",
        "seed": "seed",
        "iterate": "iterate",
        "error": "true error",
        "true_gap": "true gap (nats)",
        "verdict": "verdict",
        "reason": "reason",
    }
    return with_labels(rows.astype({"step_size": float}), labels)
