"""Every column that a run writes is described, and every described column is written."""

import grimp
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from svi_atlas.configuration.models import Thresholds
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.judgement import verification
from svi_atlas.judgement.error_rates import ITERATES, known_fits, rates
from svi_atlas.judgement.verdict import judge
from svi_atlas.results import store
from svi_atlas.results.columns import (
    FILES,
    TABLE_OF_STAGE,
    TABLES,
    Column,
    columns_page,
    describe,
    describe_all,
    expand,
)

THRESHOLDS = Thresholds().model_dump()


@pytest.fixture(scope="module")
def cell():
    """A cell as the fit stage writes it, of noise: two seeds at two step sizes."""
    rng = np.random.default_rng(0)
    fit, sizes = ("seed", "setting"), (2, 2)
    variables = {
        "loss": ((*fit, "step"), rng.normal(size=(*sizes, 400))),
        "nonfinite": (fit, np.zeros(sizes)),
        "first_nonfinite": (fit, np.full(sizes, np.nan)),
        "steps_used": (fit, np.full(sizes, 400)),
        "arrived": (fit, np.zeros(sizes, bool)),
        "gradient_evaluations": (fit, np.full(sizes, 400)),
        "unconstrained.x_auto_loc": ((*fit, "snapshot", "k"), rng.normal(size=(*sizes, 40, 1))),
        "path.x_auto_loc": ((*fit, "snapshot", "k"), rng.normal(size=(*sizes, 40, 1))),
        "param.x_auto_loc": (("iterate", *fit, "k"), rng.normal(size=(2, *sizes, 1))),
        "param.x_auto_scale": (("iterate", *fit, "k"), np.ones((2, *sizes, 1))),
        "derived.angle": (("iterate", *fit), rng.normal(size=(2, *sizes))),
        "site.x": (("iterate", *fit, "draw", "k"), rng.normal(size=(2, *sizes, 200, 1))),
        "mock_guide.y": ((*fit, "mock"), rng.normal(size=(*sizes, 3))),
        "mock_draws.y": ((*fit, "mock"), rng.normal(size=(*sizes, 3))),
        **{
            name: (("iterate", *fit, "draw"), rng.normal(size=(2, *sizes, 200)))
            for name in ("log_joint", "log_guide")
        },
        **{
            name: (("iterate", *fit), rng.chisquare(1, size=(2, *sizes)))
            for name in (
                "elbo_gap",
                "elbo_gap_se",
                "gap_beyond",
                "gap_beyond_se",
                "gradient_scale",
                "step_kl",
                "step_kl_se",
            )
        },
    }
    coords = {
        "iterate": ["last", "averaged"],
        "seed": [1, 2],
        "step_size": ("setting", [0.01, 0.1]),
        "schedule": ("setting", ["constant", "constant"]),
        "snapshot_step": ("snapshot", np.arange(10, 401, 10)),
    }
    attrs = {
        "experiment": "e", "model": "m", "guide": "AutoNormal", "block": "grid",
        "label": "particles-1", "num_particles": 1, "num_draws": 200, "optimizer": "Adam",
        "whitened": 0, "start": "uniform", "until_arrived": 0, "seconds_run": 1.0, "gap_parameters": 2,
    }  # fmt: skip
    return xr.Dataset(variables, coords, attrs)


@pytest.fixture(scope="module")
def fits(cell):
    rng = np.random.default_rng(1)
    reference = xr.Dataset(
        {
            "draw.x": (("draw", "k"), rng.normal(size=(500, 1))),
            "mean.x": ("k", [0.0]),
            "sd.x": ("k", [1.0]),
            "mode_mass": ("mode", [0.5, 0.5]),
            "mode_centre.x": (("mode", "k"), [[-1.0], [1.0]]),
        },
        attrs={"log_evidence": 0.0},
    )
    statistics = diagnose(cell, reference)
    return statistics.join(judge(statistics, THRESHOLDS))


def written_tables(cell, fits):
    """The names that each of these tables has in a run."""
    identity = ["experiment", "model", "guide", "label", "schedule", "step_size", "seed"]
    measured = {"error": 0.05, "polished_elbo": -1.0, "polished_elbo_se": 0.01}
    truth = pd.concat(
        [
            fits[[*identity, "elbo", "elbo_se"]].assign(iterate=iterate, **measured)
            for iterate in ITERATES
        ]
    )
    known = known_fits(fits, truth, THRESHOLDS)
    return {
        "fits": list(fits),
        "cell": [str(name) for name in cell.variables],
        "verification": verification.COLUMNS,
        "truth": list(truth),
        "known": list(known),
        "rates": list(rates(known)),
    }


@pytest.mark.parametrize("table", ["fits", "cell", "verification", "truth", "known", "rates"])
class TestTables:
    def test_every_column_is_described(self, cell, fits, table):
        for name in written_tables(cell, fits)[table]:
            column = describe(name, table)
            assert column.name == name
            assert column.meaning
            assert column.source
            assert column.stage

    def test_every_described_column_occurs_or_is_optional(self, cell, fits, table):
        names = written_tables(cell, fits)[table]
        written = {describe(name, table).meaning for name in names}
        for column in expand(table):
            is_pattern = "<" in column.name
            occurs = column.meaning in written if is_pattern else column.name in names
            assert column.optional or occurs, column.name


def test_fits_have_even_the_optional_columns(cell, fits):
    patterns = [column.name for column in expand("fits") if "<" in column.name]
    assert {column.name for column in expand("fits")} - set(fits) == set(patterns)
    for pattern in patterns:
        assert any(str(name).startswith(pattern.partition("<")[0]) for name in fits)


@pytest.mark.parametrize("table", TABLES)
def test_descriptions_are_complete_and_unique(table):
    columns = list(expand(table))
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    for column in columns:
        assert not column.meaning.endswith(".")
        assert column.source
        assert column.stage
    assert set(FILES) == set(TABLES)


@pytest.mark.parametrize(
    ("name", "table", "unit", "words"),
    [
        ("kl", "fits", "nats", "KL divergence"),
        ("kl_se", "fits", "nats", "standard error of kl"),
        ("kl_last", "fits", "nats", "last iterate"),
        ("kl_se_last", "fits", "nats", "standard error of kl, at the last iterate"),
        ("elbo_gap", "fits", "nats per parameter", "still to be gained"),
        ("elbo_gap", "cell", "nats", "still to be gained"),
        ("param.loc[0]", "fits", "own", "averaged iterate"),
        ("param_last.loc[0]", "fits", "own", "last iterate"),
        ("obs", "data", "own", "data"),
    ],
)
def test_suffixes_and_patterns_are_resolved(name, table, unit, words):
    column = describe(name, table)
    assert isinstance(column, Column)
    assert (column.name, column.unit) == (name, unit)
    assert words in column.meaning


@pytest.mark.parametrize("name", ["klaxon", "khat_quarter_se", "rhat_last", "param.", "kl_last_se"])
def test_an_unknown_column_is_an_error(name):
    with pytest.raises(KeyError, match=name):
        describe(name, "fits")


def test_the_page_has_every_column():
    page = columns_page()
    for columns in TABLES.values():
        for column in columns:
            assert f"| `{column.name}`" in page


class TestFiles:
    """Files as they are written carry the description of each column."""

    def test_a_table_of_fits(self, fits, tmp_path):
        store.write_table(fits, tmp_path / "fits.parquet", '{"stage": "table"}')
        for field in pq.read_schema(tmp_path / "fits.parquet"):
            column = describe(field.name, "fits")
            assert field.metadata[b"unit"].decode() == column.unit
            assert field.metadata[b"meaning"].decode() == column.meaning
        pd.testing.assert_frame_equal(
            store.read_table(tmp_path / "fits.parquet"), fits, check_exact=True
        )

    def test_a_cell(self, cell, tmp_path):
        store.write_dataset(cell, tmp_path / "cell.nc", '{"stage": "fit"}')
        with store.read_dataset(tmp_path / "cell.nc") as read:
            for name, variable in read.variables.items():
                column = describe(str(name), "cell")
                assert variable.attrs.get("units", "") == column.unit
                assert variable.attrs["long_name"] == column.meaning
            xr.testing.assert_equal(read.load(), cell)

    def test_stages_without_a_table_and_unknown_columns_are_left_alone(self):
        assert describe_all(["kl"], "analyse") == {}
        assert list(describe_all(["kl", "mine", "kl_se"], "diagnose")) == ["kl", "kl_se"]
        assert set(TABLE_OF_STAGE.values()) <= set(TABLES)


def test_a_better_wording_repeats_no_fit():
    graph = grimp.build_graph("svi_atlas", cache_dir=None, exclude_type_checking_imports=True)
    needed = graph.find_upstream_modules("svi_atlas.jobs.stages.fit")
    assert "svi_atlas.results.store" in needed
    assert not {name for name in needed if name.startswith("svi_atlas.results.column")}
