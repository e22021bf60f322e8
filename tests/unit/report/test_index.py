"""The index of the report: the answers first, then each experiment."""

import pandas as pd
import pytest

from svi_atlas.analysis._tables import with_labels
from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.report.index import MEANINGS, make_index
from svi_atlas.results import store

VALUES = pd.DataFrame(
    {
        "name": ["alpha_q", "beta_q"],
        "kind": "published",
        "expected": [12.25, 9.0],
        "tolerance": 0.5,
        "value": [12.3, 15.0],
        "ok": [True, False],
        "source": "the tutorial",
        "why": "one digit",
    }
)


@pytest.fixture
def make(tmp_path):
    """The index of one experiment called coin."""

    def write(values=VALUES, failures=1, **changes):
        tables = {
            "table": pd.DataFrame({"verdict": ["adequate"] * 1234 + ["failed"]}),
            "general.advice": pd.DataFrame({"sentence": ["**Use** `beta` (1 particle)."]}),
            "general.by_guide": pd.DataFrame({"guide": ["beta\non coin"], "adequate": [7]}),
            "general.diverged_or_failed": with_labels(
                pd.DataFrame({"why": ["ValueError: no"] * failures}), {"why": "message"}
            ),
            "general.provenance": pd.DataFrame({"what": ["device"], "value": ["cpu"]}),
        }
        files = {"figure": str(tmp_path / "loss.svg")}
        (tmp_path / "loss.svg").write_text("<svg/>")
        for name, table in tables.items():
            files[name] = str(tmp_path / f"{name}.parquet")
            store.write_table(table, tmp_path / f"{name}.parquet", "")
        files["verification"] = str(tmp_path / "verification.csv")
        store.write_table(values, tmp_path / "verification.csv", "")
        experiment = {
            "name": "coin",
            "title": "Heads & tails",
            "lead": "loss",
            "caption": "The loss.",
            "pages": [["coin-theory", "theory"]],
            **changes,
        }
        make_index([experiment], {"coin": files}, tmp_path / "index.html")
        return (tmp_path / "index.html").read_text()

    return write


def test_the_overview_counts_verdicts_and_values(make):
    index = make()
    assert '<a href="coin.html">Heads &amp; tails</a>' in index
    overview = index.split("<tbody>")[1].split("</tbody>")[0]
    for heading, value in (("adequate", "1,234"), ("failed", "1"), ("all fits", "1,235")):
        assert f'data-heading="{heading}">{value}</td>' in overview
    assert ">1 of 2</td>" in overview
    assert "1,235 fits" in index


def test_an_experiment_has_its_advice_links_guides_figure_and_failures(make):
    index = make()
    for part in (
        '<h2 id="coin">Heads &amp; tails</h2>',
        '<a href="coin-theory.html">Theory</a>',
        "<li><strong>Use</strong> <code>beta</code> (1 particle).</li>",
        "beta<br>on coin",
        '<figure id="loss"><a href="../coin/figures/loss.png">',
        'The loss. <a href="coin.html#loss">',
        "ValueError: no",
        '<a href="../coin/fits.csv">',
        "cpu",
    ):
        assert part in index


def test_only_values_out_of_tolerance_are_listed(make):
    index = make()
    assert "beta_q" in index
    assert "alpha_q" not in index
    assert '<span class="out">NO</span>' in index


def test_what_is_fine_is_said_in_a_sentence(make):
    index = make(values=VALUES.assign(ok=True), failures=0, lead=None)
    assert "All 2 compared values are within tolerance." in index
    assert "Nothing failed and nothing diverged." in index
    assert "<figure" not in index


def test_an_experiment_without_known_values(make):
    index = make(values=VALUES[:0])
    assert "no published or exact values" in index
    assert ">\N{EN DASH}</td>" in index


def test_every_verdict_is_explained(make):
    assert tuple(MEANINGS) == VERDICTS[::-1]
    index = make()
    for verdict, meaning in MEANINGS.items():
        assert f'<tr><td><span class="verdict {verdict}">' in index
        assert f"<td>{meaning}</td>" in index
