"""The comparison with published and exact values can fail, and names the row."""

import tempfile

import numpy as np
import pandas as pd
import pytest
import yaml

from svi_atlas import cli
from svi_atlas.configuration.load import load_expected
from svi_atlas.errors import InputError
from svi_atlas.judgement.verification import check, compare
from svi_atlas.results import store

TABLE = pd.DataFrame(
    {
        "model": "headstails",
        "guide": ["beta", "beta", "beta", "normal"],
        "block": ["single", "grid", "grid", "grid"],
        "label": ["tutorial", "particles-1", "particles-1", "particles-1"],
        "step_size": [0.0005, 0.001, 0.001, 0.001],
        "seed": [1, 1, 2, 1],
        "param.alpha_q": [12.3, 13.1, 12.8, np.nan],
        "verdict": ["not_converged", "adequate", "not_converged", "inadequate"],
        "message": None,
    }
)

ROW = {
    "name": "alpha_q of the tutorial",
    "where": {"block": "single", "label": "tutorial"},
    "column": "param.alpha_q",
    "expect": 12.3,
    "tolerance": 0.05,
    "kind": "published",
    "source": "the page of the tutorial",
    "why": "it prints one digit",
}


EXPECTED = "config/expected/coin.yaml"


def checked(row: dict) -> list[dict]:
    """The row as the run reads it from a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump({"rows": [row]}, file)
        return load_expected(file.name, EXPECTED)


def compared(**changes):
    rows = checked({**ROW, **changes})
    return compare({"fits": TABLE}, rows, EXPECTED).iloc[0]


def test_within_tolerance():
    result = compared()
    assert result["ok"]
    assert result["value"] == 12.3
    assert result["name"] == ROW["name"]
    assert result["source"] == ROW["source"]


@pytest.mark.parametrize("expect", [12.0, 12.6, -12.3])
def test_out_of_tolerance(expect):
    result = compared(expect=expect)
    assert not result["ok"]
    assert result["value"] == 12.3


def test_the_edge_of_the_tolerance():
    assert compared(expect=12.0, tolerance=0.300001)["ok"]
    assert not compared(expect=12.0, tolerance=0.299999)["ok"]


@pytest.mark.parametrize(
    ("statistic", "value"), [("mean", 12.95), ("median", 12.95), ("min", 12.8), ("max", 13.1)]
)
def test_several_fits_become_one_value(statistic, value):
    where = {"guide": "beta", "block": "grid", "label": "particles-1"}
    result = compared(where=where, statistic=statistic, expect=value, tolerance=1e-9)
    assert result["value"] == pytest.approx(value)
    assert result["ok"]


def test_a_missing_value_is_out():
    assert not compared(where={"guide": "normal"}, expect=0, tolerance=1e9)["ok"]


def test_step_sizes_are_selected_by_value():
    result = compared(where={"step_size": 5e-4})
    assert result["value"] == 12.3


def test_words():
    where = {"guide": "beta", "block": "grid", "label": "particles-1"}
    word = {"column": "verdict", "expect": "adequate", "where": where}
    assert compared(**word, tolerance=0.5)["ok"]
    result = compared(**word, tolerance=0.4)
    assert not result["ok"]
    assert result["value"] == 0.5
    assert compared(
        column="verdict",
        expect="not_converged",
        tolerance=0,
    )["ok"]
    assert not compared(column="verdict", expect="adequate", tolerance=0)["ok"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"where": {"rune": "tutorial"}}, ["'where'", "no column 'rune'"]),
        ({"column": "param.alpha"}, ["'column'", "no column 'param.alpha'"]),
        ({"where": {"guide": "beta"}}, ["3 fits are selected", "'only'"]),
    ],
)
def test_rows_that_cannot_be_compared(changes, words):
    with pytest.raises(InputError) as error:
        compared(**changes)
    for word in ["config/expected/coin.yaml", "alpha_q of the tutorial", *words]:
        assert word in str(error.value)


def test_a_value_whose_fits_are_not_run_is_out_and_says_so():
    row = compared(where={"label": "turorial"})
    assert not row["ok"]
    assert np.isnan(row["value"])
    assert row["why"].startswith("not run")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kind": "guessed"}, "published, exact, measured"),
        ({"tolerance": -1}, "at least 0"),
        ({"statistics": "mean"}, "unknown key 'statistics'"),
        ({"where": {}}, "'rows[0].where'"),
    ],
)
def test_bad_rows(changes, word):
    with pytest.raises(InputError, match=word.replace("[", r"\[")):
        compared(**changes)


@pytest.fixture
def verification(tmp_path):
    """The comparison of one good row and, if asked, of a bad one."""

    def write(*expects):
        file = tmp_path / "coin" / "verification.csv"
        file.parent.mkdir(exist_ok=True)
        rows = [
            {**ROW, "table": "fits", "statistic": "only", "expect": expect} for expect in expects
        ]
        store.write_table(compare({"fits": TABLE}, rows, "file"), file, "")
        return str(file)

    return write


def test_a_bad_row_makes_the_command_fail_and_is_named(verification, capsys):
    good = verification(12.3)
    assert check([good])[1]
    assert cli.main(["check-verification", good]) == 0
    assert "1 of 1 values within tolerance, 0 out" in capsys.readouterr().out
    bad = verification(12.3, 15.0)
    assert cli.main(["check-verification", bad]) == 1
    lines = capsys.readouterr().out.splitlines()
    (out,) = (line for line in lines if line.startswith("OUT"))
    for word in ("coin", "alpha_q of the tutorial", "12.3", "15", "published", "one digit"):
        assert word in out
    assert "1 out" in lines[-1]


def test_an_experiment_without_expected_values(verification):
    text, within = check([verification()])
    assert within
    assert "0 of 0" in text


def test_error_rates_are_compared_where_there_are_any():
    rates = pd.DataFrame({"rule": ["verdict", "eye"], "size": "all", "false_rate": [0.01, 0.7]})
    row = {
        **ROW, "table": "rates", "where": {"rule": "verdict", "size": "all"},
        "column": "false_rate", "expect": 0, "tolerance": 0.02, "kind": "promised",
    }  # fmt: skip
    (row,) = checked(row)
    (result,) = compare({"fits": TABLE, "rates": rates}, [row], "file").itertuples()
    assert (result.value, result.ok) == (0.01, True)
    (out,) = compare(
        {"fits": TABLE, "rates": rates.assign(false_rate=0.03)}, [row], "f"
    ).itertuples()
    assert not out.ok
    with pytest.raises(InputError, match="key 'table': the experiment has no 'study'"):
        compare({"fits": TABLE}, [row], "file")


def test_a_table_without_statistics_since_every_fit_failed_is_out_and_says_so():
    failed = TABLE[["model", "guide", "block", "label", "step_size", "seed"]].assign(
        verdict="failed", message="ValueError: no"
    )
    row = compare({"fits": failed}, checked(ROW), EXPECTED).iloc[0]
    assert not row["ok"]
    assert np.isnan(row["value"])
    assert "failed" in row["why"]
