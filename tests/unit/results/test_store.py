"""Results appear whole, from the current spec, or not at all."""

import json
import time

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from svi_atlas import cli
from svi_atlas.errors import StaleSpecError
from svi_atlas.jobs import job
from svi_atlas.jobs.stages import data as data_stage
from svi_atlas.jobs.stages import reference as reference_stage
from svi_atlas.results import store


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "specs/spec.json"
    path.parent.mkdir()
    path.write_text('{"value": 1}\n')
    return path


def write_value(this):
    time.sleep(0.002)  # a job costs at least the millisecond that is recorded
    for path in this.outputs.values():
        path.write_text(str(this.spec["value"]))


def run(stage, spec_file, *names):
    outputs = {name: spec_file.parent / "out" / name for name in names}
    job.run(stage, spec_file, {}, outputs, 1)


def written(spec_file):
    folder = spec_file.parent / "out"
    return {path.name: path.read_text() for path in sorted(folder.glob("*"))}


def test_a_job_publishes_all_its_outputs(spec_file):
    run(write_value, spec_file, "a", "b")
    assert written(spec_file) == {"a": "1", "b": "1"}
    cost = json.loads((spec_file.parents[1] / "costs/spec.json").read_text())
    assert 0 < cost["seconds"] < cost["cpu_seconds"]  # that of this whole process
    assert cost["peak_mb"] > 10


def test_a_job_whose_spec_changed_publishes_nothing(spec_file):
    run(write_value, spec_file, "a", "b")

    def edited_meanwhile(this):
        write_value(this)
        spec_file.write_text('{"value": 2}\n')

    spec_file.write_text('{"value": 3}\n')
    with pytest.raises(StaleSpecError, match=r"spec\.json changed while the job ran"):
        run(edited_meanwhile, spec_file, "a", "b")
    assert written(spec_file) == {"a": "1", "b": "1"}


def test_a_job_that_fails_leaves_the_old_output(spec_file):
    run(write_value, spec_file, "a")

    def fails(this):
        this.outputs["a"].write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run(fails, spec_file, "a")
    assert written(spec_file) == {"a": "1"}


def test_a_job_that_writes_only_some_outputs_publishes_none(spec_file):
    def forgets(this):
        this.outputs["a"].write_text("new")

    with pytest.raises(FileNotFoundError):
        run(forgets, spec_file, "a", "b")
    assert written(spec_file) == {}


def test_outputs_are_written_under_other_names_first(spec_file):
    def looks(this):
        write_value(this)
        assert not (spec_file.parent / "out" / "a").exists()
        assert this.outputs["a"].parent == spec_file.parent / "out"

    run(looks, spec_file, "a")


def test_a_stale_job_is_an_error_without_traceback(spec_file, monkeypatch, capsys):
    def stale(*arguments):
        raise StaleSpecError("spec.json changed")

    monkeypatch.setattr(job, "run", stale)
    assert cli.main(["data", str(spec_file), "--to", f"dataset={spec_file}.nc"]) == 1
    assert "error: spec.json changed" in capsys.readouterr().err


def dataset():
    return xr.Dataset(
        {
            "loss": (("seed", "step_size"), np.arange(6.0).reshape(2, 3), {"units": "nats"}),
            "site.x": ("draw", np.array([1.5, np.nan, np.inf], np.float32)),
        },
        {"seed": [1, 7], "step_size": [0.1, 0.2, 0.3], "iterate": np.array(["last"], object)},
        {"experiment": "coin", "log_evidence": -14.788},
    )


def test_dataset_round_trip(tmp_path):
    store.write_dataset(dataset(), tmp_path / "a.nc", '{"value": "µ"}')
    with store.read_dataset(tmp_path / "a.nc") as found:
        xr.testing.assert_equal(found.load(), dataset())
        assert found["loss"].attrs["units"] == "nats"
        assert found["site.x"].dtype == np.float32
        assert found.attrs["spec"] == '{"value": "µ"}'
        assert found.attrs["experiment"] == "coin"
        assert found.attrs["log_evidence"] == -14.788
        assert found.attrs["format_version"] == store.FORMAT_VERSION


def test_arrays_of_a_dataset(tmp_path):
    store.write_dataset(dataset(), tmp_path / "a.nc", "")
    found = store.read_arrays(tmp_path / "a.nc")
    assert set(found) == {"loss", "site.x"}
    np.testing.assert_array_equal(found["loss"], dataset()["loss"])


def test_dataset_bytes_depend_on_content_only(tmp_path):
    store.write_dataset(dataset(), tmp_path / "a.nc", "spec")
    time.sleep(1.1)
    store.write_dataset(dataset(), tmp_path / "b.nc", "spec")
    assert (tmp_path / "a.nc").read_bytes() == (tmp_path / "b.nc").read_bytes()


COIN_SPEC = '{"experiment": "coin", "problem": "coin", "data": {"heads": 12, "tails": 8}}\n'


def test_data_and_reference_of_the_coin_are_the_same_bytes_again(tmp_path):
    spec_file = tmp_path / "specs/spec.json"
    spec_file.parent.mkdir()
    spec_file.write_text(COIN_SPEC)
    made = []
    for name in ("one", "two"):
        data, reference = tmp_path / name / "data.nc", tmp_path / name / "reference.nc"
        job.run(data_stage.run, spec_file, {}, {"dataset": data}, 1)
        job.run(reference_stage.run, spec_file, {"data": data}, {"dataset": reference}, 1)
        made.append((data.read_bytes(), reference.read_bytes()))
        time.sleep(1.1)
    assert made[0] == made[1]


def test_table_round_trip(tmp_path):
    table = pd.DataFrame(
        {
            "guide": ["beta", "normal"],
            "converged": pd.array([True, pd.NA], dtype="boolean"),
            "kl": [0.001, np.nan],
            "seed": [1, 2],
        }
    )
    store.write_table(table, tmp_path / "a.parquet", "spec")
    found = store.read_table(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(found, table, check_dtype=False)
    assert found["converged"].isna().tolist() == [False, True]
    assert found.attrs["spec"] == "spec"
    store.write_table(table, tmp_path / "a.csv", "spec")
    assert store.read_table(tmp_path / "a.csv")["kl"][0] == 0.001
    assert table.attrs == {}
