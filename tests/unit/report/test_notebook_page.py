"""What a notebook shows by name: figures, tables, sections, links."""

import ast
import json
from pathlib import Path

import pandas as pd
import pytest

from svi_atlas.analysis._tables import with_labels
from svi_atlas.planning.plugins import SECTIONS_OF
from svi_atlas.report import notebook_page, sections
from svi_atlas.results import store


@pytest.fixture
def shown(monkeypatch):
    """Texts that were displayed, in order."""
    texts = []
    monkeypatch.setattr(
        notebook_page, "display", lambda *items: texts.extend(item.data for item in items)
    )
    return texts


@pytest.fixture
def make(tmp_path):
    """A page of a run with two figures, two tables and two sections."""

    def write(**changes):
        for name in ("loss", "verdicts"):
            (tmp_path / f"{name}.svg").write_text("<svg/>")
        frame = with_labels(pd.DataFrame({"kl": [0.123456], "guide": ["beta"]}), {"kl": "KL"})
        store.write_table(frame, tmp_path / "kl.parquet", '{"stage": "analyse"}')
        store.write_table(frame[:0], tmp_path / "empty.parquet", "")
        spec = {
            "experiment": "coin",
            "page": "results/report/coin.html",
            "inputs": {
                "figures": {name: str(tmp_path / f"{name}.svg") for name in ("loss", "verdicts")},
                "coin.kl": str(tmp_path / "kl.parquet"),
                "coin.empty": str(tmp_path / "empty.parquet"),
            },
            "captions": {"loss": "The loss.", "verdicts": "The verdicts."},
            "other_figures": ["verdicts"],
            "sections": {
                "failed": {"failures": "coin.empty"},
                "provenance_table": {"provenance": "coin.kl"},
            },
            **changes,
        }
        file = tmp_path / "spec.json"
        file.write_text(json.dumps(spec))
        return notebook_page.Page(file)

    return write


def test_a_figure_has_its_caption_and_links_to_its_png(make, shown):
    make().figure("loss")
    assert '<figure id="loss"><a href="../coin/figures/loss.png">' in shown[0]
    assert "<figcaption>The loss.</figcaption>" in shown[0]


def test_the_other_figures(make, shown):
    make().other_figures()
    (figure,) = shown
    assert 'id="verdicts"' in figure


def test_a_table_has_its_headings_and_digits(make, shown):
    make().table("coin.kl", digits=2)
    (table,) = shown
    assert 'data-heading="KL">0.12<' in table
    assert "beta" not in table


def test_what_the_experiment_does_not_have_is_left_out(make, shown):
    page = make()
    page.figure("unknown")
    page.table("coin.unknown")
    page.table("coin.empty")
    page.section("calibration")
    page.other_pages()
    assert shown == []


def test_links_to_the_other_pages_of_the_experiment(make, shown):
    make(pages=[["coin", "Fairness of a coin"], ["coin-theory", "Theory"]]).other_pages()
    assert shown[0].splitlines()[2:] == [
        "- [Fairness of a coin](coin.html)",
        "- [Theory](coin-theory.html)",
    ]


def test_a_page_says_how_to_make_it_again_and_where_the_settings_are(make, shown):
    make().reproduce()
    command, downloads, provenance = shown
    assert "`snakemake --cores 2 results/report/coin.html`" in command
    assert "`config/experiments/coin.yaml`" in command
    assert '<a href="../coin/fits.parquet">' in downloads
    assert "0.123" in provenance


def test_the_closing_shows_what_failed_and_how_to_reproduce(make, shown):
    make().closing()
    headings = [line for text in shown for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Comparison with published and exact values",
        "## What failed or diverged",
        "## Reproduce and reuse",
    ]


def _sections_in(method):
    """Names of the sections that a method of Page shows, also through methods that it calls."""
    tree = ast.parse(Path(notebook_page.__file__).read_text())
    (node,) = (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == method
    )
    for call in (call for call in ast.walk(node) if isinstance(call, ast.Call)):
        if getattr(call.func, "attr", "") == "section":
            yield call.args[0].value
        elif getattr(call.func, "attr", "") in SECTIONS_OF:
            yield from _sections_in(call.func.attr)


@pytest.mark.parametrize("method", SECTIONS_OF)
def test_the_workflow_knows_the_sections_that_a_method_shows(method):
    assert list(_sections_in(method)) == SECTIONS_OF[method]
    assert all(callable(getattr(sections, name)) for name in SECTIONS_OF[method])
