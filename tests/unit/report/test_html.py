"""Figures and tables of the report as HTML."""

import base64

import numpy as np
import pandas as pd
import pytest

from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.report import html


def labelled(columns, **labels):
    frame = pd.DataFrame(columns)
    if labels:
        frame.attrs["labels"] = labels
    return frame


def cells(text):
    """The contents of the cells of a table, row by row."""
    body = text.split("<tbody>")[1].split("</tbody>")[0]
    rows = [row.removeprefix("<tr>") for row in body.split("</tr>") if row]
    return [[cell.split(">", 1)[1] for cell in row.split("</td>")[:-1]] for row in rows]


def test_long_names_may_be_broken():
    assert html.breakable("AutoLaplaceApproximation") == "Auto<wbr>Laplace<wbr>Approximation"
    assert html.breakable("truncated_normal fits") == "truncated_<wbr>normal fits"
    assert html.breakable("AutoNormal <b>") == "AutoNormal &lt;b&gt;"


def test_lines_of_a_text_are_kept_and_short_names_are_not_broken():
    assert html.breakable("beta\non coin") == "beta<br>on coin"
    assert html.breakable("a\ntruncated_normal") == "a<br>truncated_<wbr>normal"


def test_every_cell_carries_its_heading():
    shown = html.table(labelled({"a": [1.5], "b": ["x"]}, a='an "a"', b="b"))
    assert 'data-heading="an &quot;a&quot;">1.50<' in shown
    assert 'data-heading="b">x<' in shown


def test_labels_select_the_columns_and_their_order():
    shown = html.table(labelled({"a": [1], "b": [2], "c": [3]}, c="C & c", a="A"))
    assert cells(shown) == [["3", "1"]]
    assert shown.index("C &amp; c") < shown.index(">A<")
    assert cells(html.table(labelled({"a": [1], "b": [2]}))) == [["1", "2"]]


def test_only_tables_of_several_columns_with_long_texts_are_shown_row_by_row():
    long, short = "word " * 20, {"a": [1], "b": [2]}
    assert 'class="texts"' in html.table(labelled({**short, "c": [long]}))
    assert 'class="texts"' not in html.table(labelled({"a": [1], "c": [long]}))
    assert 'class="texts"' not in html.table(labelled({**short, "c": ["short"]}))


def test_long_texts_get_a_wide_column_and_long_headings_may_be_broken():
    heading = "a heading of many words"
    shown = html.table(labelled({"a": ["word " * 20], "b": [1.0]}, a=heading, b="b"))
    assert f'<th scope="col" class="long">{heading}</th>' in shown
    assert '<td class="long" data-heading="a heading of many words">' in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (1234567, "1,234,567"),
        (np.int64(3), "3"),
        (np.nan, "\N{EN DASH}"),
        (None, "\N{EN DASH}"),
        (pd.NA, "\N{EN DASH}"),
        (np.inf, "∞"),
        (True, "yes"),
        (np.False_, "no"),
        ("a < b & c", "a &lt; b &amp; c"),
    ],
)
def test_values(value, text):
    frame = pd.DataFrame({"a": pd.Series([value], dtype=object)})
    assert cells(html.table(frame)) == [[text]]


def test_numbers_have_the_digits_asked_for_but_settings_are_shown_as_given():
    frame = labelled({"kl": [0.123456], "step_size": [0.0005], "tolerance": [0.125]})
    assert cells(html.table(frame, digits=4)) == [["0.1235", "0.0005", "0.125"]]


def test_numbers_are_aligned_to_the_right_and_truth_values_are_not():
    shown = html.table(labelled({"kl": [0.1], "is_right": [True], "guide": ["beta"]}))
    assert '<th scope="col" class="number">kl</th>' in shown
    assert '<td class="number" data-heading="kl">' in shown
    assert '<td data-heading="is_right">yes</td>' in shown
    assert '<td data-heading="guide">' in shown


def test_whether_a_value_is_within_its_tolerance_is_marked():
    shown = html.table(labelled({"within": [True, False]}))
    assert cells(shown) == [['<span class="within">yes</span>'], ['<span class="out">NO</span>']]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdicts_are_coloured(verdict):
    shown = f'<span class="verdict {verdict}">{verdict.replace("_", " ")}</span>'
    assert cells(html.table(labelled({"verdict": [verdict]}))) == [[shown]]


def test_texts_can_be_links():
    shown = html.table(labelled({"a": ["A & B", "C"]}), links={"A & B": "a.html?b&c"})
    assert cells(shown) == [['<a href="a.html?b&amp;c">A &amp; B</a>'], ["C"]]


def test_an_empty_table_has_its_headings():
    shown = html.table(labelled({"a": []}, a="heading"))
    assert "heading" in shown
    assert "<tbody></tbody>" in shown


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "line.svg"
    path.write_text("<svg/>")
    return path


def test_a_figure_is_inside_the_page_and_links_to_its_png(image):
    shown = html.figure(image, "coin.loss", "A <em>caption</em>.", "../coin/figures/coin.loss.png")
    assert f"base64,{base64.b64encode(b'<svg/>').decode()}" in shown
    assert '<figure id="coin.loss"><a href="../coin/figures/coin.loss.png">' in shown
    assert "<figcaption>A <em>caption</em>.</figcaption>" in shown


@pytest.mark.parametrize(
    ("caption", "alternative"),
    [
        ('KL of the "last" <em>iterate</em>', "KL of the &quot;last&quot; iterate"),
        ("k-hat < 0.7 and > 0.5", "k-hat &lt; 0.7 and &gt; 0.5"),
        ("k-hat &lt; 0.7,\n  always", "k-hat &lt; 0.7, always"),
    ],
)
def test_the_alternative_text_is_the_caption_without_tags(image, caption, alternative):
    assert f'alt="{alternative}"' in html.figure(image, "a", caption, "a.png")
