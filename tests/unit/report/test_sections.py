"""Sections that pages share."""

import pandas as pd
import pytest

from svi_atlas.report import sections

VALUES = pd.DataFrame(
    {
        "name": ["alpha_q", "verdict"],
        "kind": ["published", "measured"],
        "expected": ["-12.25", "not_converged"],
        "tolerance": [0.5, 0.1],
        "value": [-12.3456789, 0.25],
        "ok": [True, False],
        "source": ["the tutorial", "this project"],
        "why": ["one digit", "16 seeds"],
    }
)


def text(displays):
    return "\n".join(display.data for display in displays)


def test_comparison_marks_what_is_out_of_tolerance():
    shown = text(sections.comparison(VALUES))
    assert '<span class="within">yes</span>' in shown
    assert '<span class="out">NO</span>' in shown
    for word in ("\N{MINUS SIGN}12.25", "not converged", "12.3457", "the tutorial; one digit"):
        assert word in shown


@pytest.mark.parametrize(
    ("section", "table"),
    [(sections.comparison, VALUES[:0]), (sections.failed, pd.DataFrame({"verdict": []}))],
)
def test_nothing_to_show_is_said(section, table):
    (display,) = section(table)
    assert display.data.endswith(".")
    assert "<table" not in display.data


def test_there_is_no_forecast_from_one_step_size():
    assert sections.forecast(pd.DataFrame()) == []


def test_a_search_is_followed_by_what_to_use():
    advice = pd.DataFrame({"sentence": ["**Use** one.", "**Use** two."]})
    shown = text(sections.search(pd.DataFrame({"guide": ["beta"]}), advice))
    assert "beta" in shown
    assert shown.endswith("**Use** one.\n\n**Use** two.")


@pytest.mark.parametrize("section", [sections.forecast, sections.calibration])
def test_tables_with_an_explanation(section):
    heading, table = section(pd.DataFrame({"guide": ["beta"], "kl": [0.123456]}))
    assert heading.data.startswith("##")
    assert "beta" in table.data


def test_failures_and_provenance_are_tables():
    assert "ValueError" in text(sections.failed(pd.DataFrame({"why": ["ValueError"]})))
    assert "numpyro" in text(sections.provenance_table(pd.DataFrame({"what": ["numpyro"]})))
