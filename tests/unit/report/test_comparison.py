"""The comparison with published and exact values."""

import pandas as pd
import pytest

from svi_atlas.report.comparison import comparison_table


def compared(**changes):
    row = {
        "name": "alpha_q",
        "kind": "published",
        "expected": 12.25,
        "tolerance": 0.5,
        "value": 12.3,
        "ok": True,
        "source": "the tutorial",
        "why": "one digit",
    }
    return comparison_table(pd.DataFrame([{**row, **changes}])).iloc[0]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (12.25, "12.25"),
        ("12.25", "12.25"),
        ("-0.5", "\N{MINUS SIGN}0.5"),
        (9, "9"),
        ("1e-9", "1e\N{MINUS SIGN}09"),
        ("not_converged", "not converged"),
    ],
)
def test_expected_values_are_shown_as_they_were_given(expected, text):
    assert compared(expected=expected)["expected"] == text


def test_source_and_tolerance_are_explained_together():
    assert compared()["basis"] == "the tutorial; one digit"


@pytest.mark.parametrize("ok", [True, False])
def test_within_says_whether_the_value_is_within_its_tolerance(ok):
    assert compared(ok=ok)["within"] == ok


def test_the_labels_are_columns_of_the_table():
    table = comparison_table(pd.DataFrame([compared()]))
    assert set(table.attrs["labels"]) <= set(table)
