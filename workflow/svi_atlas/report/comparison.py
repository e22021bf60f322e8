"""The comparison with published and exact values, as pages show it."""

from __future__ import annotations

import pandas as pd

from svi_atlas.formatting import MINUS, humanise
from svi_atlas.report import html


def comparison_table(verification: pd.DataFrame) -> pd.DataFrame:
    """The compared values with the headings of a page."""
    shown = verification.assign(
        within=verification["ok"].astype(bool),
        expected=[_number_or_text(value) for value in verification["expected"]],
        basis=verification["source"] + "; " + verification["why"],
    )
    shown.attrs["labels"] = {
        html.WITHIN: "within?",
        "name": "quantity",
        "kind": "kind",
        "expected": "expected",
        "tolerance": "tolerance",
        "value": "this run",
        "basis": "source; why this tolerance",
    }
    return shown


def _number_or_text(value: str | float) -> str:
    """An expected number as it was given, or an expected word, such as a verdict."""
    try:
        return f"{float(value):.8g}".replace("-", MINUS)
    except ValueError:
        return humanise(str(value))
