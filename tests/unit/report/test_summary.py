"""The summary at the end of a run."""

import json

import pandas as pd
import pytest

from svi_atlas.report.summary import summarise_costs, summarise_fits
from svi_atlas.results import store

FITS = pd.DataFrame(
    {
        "model": "m",
        "guide": ["beta", "beta", "broken", "broken"],
        "label": "particles-1",
        "verdict": ["adequate", "diverged", "failed", "failed"],
        "message": [None, None, "ValueError: no", "ValueError: no"],
        "seconds": [6.0, 6.0, float("nan"), float("nan")],
    }
)


@pytest.fixture
def tables(tmp_path):
    store.write_table(FITS, tmp_path / "fits.parquet", "")
    return {"coin": str(tmp_path / "fits.parquet")}


def costs(folder, **seconds):
    for name, value in seconds.items():
        stage = name.rstrip("0123456789")
        (folder / f"{name}.json").write_text(json.dumps({"stage": stage, "cpu_seconds": value}))
    return [folder / f"{name}.json" for name in seconds]


def test_verdicts_are_counted_and_each_failed_cell_is_named_once(tables):
    assert summarise_fits(tables) == [
        "coin: 4 fits: 2 failed, 1 diverged, 1 adequate",
        "  failed: m, broken, particles-1: ValueError: no",
    ]


def test_the_cpu_time_by_stage(tables, tmp_path):
    files = costs(tmp_path, fit1=50.0, fit2=40.0, table=10.0)
    (line,) = summarise_costs([*files, tmp_path / "not_run.json"], tables)
    assert line == "CPU time of all jobs: 1.7 min (fit 90%, table 10%); inside compiled fits 12%"


def test_without_costs_nothing_is_said(tables):
    assert summarise_costs(["absent.json"], tables) == []


def test_where_every_fit_failed_there_are_no_seconds(tmp_path):
    table = FITS[2:].drop(columns="seconds")
    store.write_table(table, tmp_path / "fits.parquet", "")
    files = costs(tmp_path, table=60.0)
    (line,) = summarise_costs(files, {"coin": str(tmp_path / "fits.parquet")})
    assert line.endswith("inside compiled fits 0%")
