"""Results appear whole, from the current spec, or not at all; files say what they hold."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from svi_atlas import cli
from svi_atlas.errors import InputError, StaleSpecError
from svi_atlas.jobs import job
from svi_atlas.results import store
from svi_atlas.results.inputs import References


@pytest.fixture
def spec_file(tmp_path):
    path = tmp_path / "specs/spec.json"
    path.parent.mkdir()
    path.write_text('{"value": 1}\n')
    return path


class TestAtomicOutputs:
    def publish(self, spec_file, *names, write=None, change=None):
        folder = spec_file.parent / "out"
        outputs = {name: folder / name for name in names}
        with store.atomic_outputs(outputs, spec_file, spec_file.read_text()) as temporary:
            for name in names if write is None else write:
                temporary[name].write_text("new")
            if change:
                change()

    def published(self, spec_file):
        folder = spec_file.parent / "out"
        return {path.name: path.read_text() for path in sorted(folder.glob("*"))}

    def test_all_outputs_appear(self, spec_file):
        self.publish(spec_file, "a", "b")
        assert self.published(spec_file) == {"a": "new", "b": "new"}

    def test_nothing_appears_if_the_spec_changed(self, spec_file):
        with pytest.raises(StaleSpecError, match=r"spec\.json changed while the job ran"):
            self.publish(spec_file, "a", change=lambda: spec_file.write_text("{}"))
        assert self.published(spec_file) == {}

    def test_a_failure_leaves_the_old_output(self, spec_file):
        self.publish(spec_file, "a")
        (spec_file.parent / "out" / "a").write_text("old")

        def fail():
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            self.publish(spec_file, "a", change=fail)
        assert self.published(spec_file) == {"a": "old"}

    def test_nothing_appears_if_an_output_was_not_written(self, spec_file):
        with pytest.raises(FileNotFoundError):
            self.publish(spec_file, "a", "b", write=["a"])
        assert self.published(spec_file) == {}

    def test_outputs_are_written_under_other_names_in_the_same_folder_first(self, spec_file):
        output = spec_file.parent / "out" / "a"
        with store.atomic_outputs({"a": output}, spec_file, spec_file.read_text()) as temporary:
            temporary["a"].write_text("new")
            assert not output.exists()
            assert temporary["a"].parent == output.parent
            assert temporary["a"].name.startswith(".")
        assert output.read_text() == "new"


def test_a_stale_job_is_an_error_without_traceback(spec_file, monkeypatch, capsys):
    def stale(*arguments):
        raise StaleSpecError("spec.json changed")

    monkeypatch.setattr(job, "run", stale)
    assert cli.main(["run", str(spec_file)]) == 1
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


FIT = '{"stage": "fit", "word": "µ"}'


def test_dataset_round_trip(tmp_path):
    store.write_dataset(dataset(), tmp_path / "a.nc", FIT)
    with store.read_dataset(tmp_path / "a.nc") as read:
        xr.testing.assert_equal(read.load(), dataset())
        assert read["loss"].attrs["units"] == "nats"
        assert read["site.x"].dtype == np.float32
        assert read.attrs["spec"] == FIT
        assert read.attrs["experiment"] == "coin"
        assert read.attrs["log_evidence"] == -14.788
        assert read.attrs["format_version"] == store.FORMAT_VERSION
        assert store.spec_of(read) == {"stage": "fit", "word": "µ"}


def test_variables_are_described_and_their_own_attributes_kept(tmp_path):
    own = dataset()
    own["site.x"].attrs = {"units": "metres", "stride": 3}
    store.write_dataset(own, tmp_path / "a.nc", FIT)
    with store.read_dataset(tmp_path / "a.nc") as read:
        assert read["site.x"].attrs["units"] == "metres"
        assert read["site.x"].attrs["stride"] == 3
        assert read["site.x"].attrs["long_name"] == "Draws from the fitted guide"
        assert read["seed"].attrs == {"units": "1", "long_name": "Seed of the fit"}
        assert "units" not in read["iterate"].attrs
    assert own["site.x"].attrs == {"units": "metres", "stride": 3}
    assert own["seed"].attrs == {}


def test_groups_are_described_and_read_one_by_one(tmp_path):
    reference = xr.Dataset({"mean.f": ((), 0.5)}, attrs={"method": "exact"})
    store.write_datasets(
        {"m": reference, "n": reference}, tmp_path / "a.nc", '{"stage": "reference"}'
    )
    with store.read_dataset(tmp_path / "a.nc") as root:
        assert list(root.attrs["groups"]) == ["m", "n"]
        assert store.spec_of(root) == {"stage": "reference"}
    with store.read_dataset(tmp_path / "a.nc", "n") as read:
        xr.testing.assert_equal(read.load(), reference)
        assert read.attrs["method"] == "exact"
        assert read["mean.f"].attrs == {"units": "own", "long_name": "Posterior mean"}


def test_arrays_of_a_dataset(tmp_path):
    store.write_dataset(dataset(), tmp_path / "a.nc", "")
    arrays = store.read_arrays(tmp_path / "a.nc")
    assert set(arrays) == {"loss", "site.x"}
    np.testing.assert_array_equal(arrays["loss"], dataset()["loss"])


def test_bytes_depend_on_content_only(tmp_path):
    for name in ("a", "b"):
        store.write_dataset(dataset(), tmp_path / f"{name}.nc", FIT)
        store.write_table(TABLE, tmp_path / f"{name}.parquet", '{"stage": "table"}')
        time.sleep(1.1)
    for suffix in ("nc", "parquet"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


COIN_SPEC = {
    "files": {},
    "experiment": "coin",
    "problem": "coin",
    "data": {"heads": 12, "tails": 8},
}


def run_job(stage, inputs):
    """Run the job of a stage of the coin in the current folder; its output."""
    spec_file, output = Path(f"specs/{stage}.json"), Path(f"{stage}.nc")
    spec_file.parent.mkdir(exist_ok=True)
    spec = {**COIN_SPEC, "stage": stage, "inputs": inputs, "outputs": {"dataset": str(output)}}
    spec_file.write_text(json.dumps(spec))
    job.run(spec_file)
    return output


def test_data_and_reference_of_the_coin_are_described_and_the_same_bytes_again(
    tmp_path, monkeypatch
):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        data = run_job("data", {})
        reference = run_job("reference", {"data": str(data)})
        written.append((data.read_bytes(), reference.read_bytes()))
        time.sleep(1.1)
    assert written[0] == written[1]
    for reference in References("reference.nc").values():
        assert all({"units", "long_name"} <= set(values.attrs) for values in reference.values())
    cost = json.loads(Path("costs/data.json").read_text())
    assert cost["stage"] == "data"
    assert min(cost["seconds"], cost["cpu_seconds"]) > 0
    assert cost["peak_mb"] > 10


TABLE = pd.DataFrame(
    {
        "guide": ["beta", "normal"],
        "converged": pd.array([True, pd.NA], dtype="boolean"),
        "kl": [0.001, np.nan],
        "kl_se_last": [0.1 + 0.2, np.inf],
        "seed": [1, 2],
        "mine": ["x", None],
    }
)


def test_table_round_trip(tmp_path):
    store.write_table(TABLE, tmp_path / "a.parquet", '{"stage": "table"}')
    read = store.read_table(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read, TABLE, check_exact=True)
    assert read["converged"].isna().tolist() == [False, True]
    assert store.spec_of(read) == {"stage": "table"}
    assert set(read.attrs) == {"spec", "format_version"}
    store.write_table(TABLE, tmp_path / "a.csv", '{"stage": "table"}')
    assert store.read_table(tmp_path / "a.csv")["kl"][0] == 0.001
    assert TABLE.attrs == {}


def test_descriptions_leave_the_values_of_a_table_as_they_are(tmp_path):
    store.write_table(TABLE, tmp_path / "described.parquet", '{"stage": "table"}')
    store.write_table(TABLE, tmp_path / "plain.parquet", '{"stage": "analyse"}')
    described, plain = (pq.read_table(tmp_path / f"{n}.parquet") for n in ("described", "plain"))
    assert described.equals(plain)
    assert all(field.metadata is None for field in plain.schema)


def test_columns_of_a_table_are_described(tmp_path):
    store.write_table(TABLE, tmp_path / "a.parquet", '{"stage": "diagnose"}')
    schema = pq.read_schema(tmp_path / "a.parquet")
    assert schema.field("kl").metadata[b"unit"] == b"nats"
    assert b"log evidence minus ELBO" in schema.field("kl").metadata[b"meaning"]
    assert b"last iterate" in schema.field("kl_se_last").metadata[b"meaning"]
    assert schema.field("guide").metadata[b"unit"] == b""
    assert schema.field("mine").metadata is None


def test_the_labels_of_an_analysis_are_kept(tmp_path):
    table = TABLE.copy()
    table.attrs = {"labels": {"kl": "KL (nats)"}}
    store.write_table(table, tmp_path / "a.parquet", '{"stage": "analyse"}')
    assert store.read_table(tmp_path / "a.parquet").attrs["labels"] == {"kl": "KL (nats)"}
    assert table.attrs == {"labels": {"kl": "KL (nats)"}}


def test_the_spec_of_a_table_is_read_without_its_columns(tmp_path, monkeypatch):
    store.write_table(TABLE, tmp_path / "a.parquet", '{"stage": "table", "thresholds": {"a": 1}}')
    monkeypatch.setattr(pd, "read_parquet", None)
    assert store.read_table_spec(tmp_path / "a.parquet")["thresholds"] == {"a": 1}


@pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        ("a.nc", lambda path: store.write_dataset(dataset(), path, FIT), store.read_dataset),
        ("a.parquet", lambda path: store.write_table(TABLE, path, FIT), store.read_table),
        ("a.parquet", lambda path: store.write_table(TABLE, path, FIT), store.read_table_spec),
    ],
)
def test_files_of_another_format_are_refused(tmp_path, monkeypatch, name, write, read):
    monkeypatch.setattr(store, "FORMAT_VERSION", 1)
    write(tmp_path / name)
    monkeypatch.undo()
    with pytest.raises(InputError, match="remove the file and run snakemake again") as error:
        read(tmp_path / name)
    (problem,) = error.value.problems
    assert (problem.code, problem.file) == ("format_version", str(tmp_path / name))
