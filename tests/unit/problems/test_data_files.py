"""Data from files: what each kind of file holds, and files that a problem reads without saying so."""

import os

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.problems.base import Problem
from svi_atlas.problems.data import make_data, to_dataset
from svi_atlas.problems.data_files import read_data_files
from svi_atlas.results import store

TABLE = pd.DataFrame({"x": [1.5, 2.5], "n": [3, 4], "county": ["a", "b"], "ok": [True, False]})


def write_text(separator):
    return lambda path: TABLE.to_csv(path, sep=separator, index=False)


WRITERS = {
    "table.csv": write_text(","),
    "semicolons.csv": write_text(";"),
    "table.tsv": write_text("\t"),
    "table.parquet": TABLE.to_parquet,
    "table.npz": lambda path: np.savez(path, **{k: v.to_numpy() for k, v in TABLE.items() if k != "county"}),
    "table.nc": lambda path: xr.Dataset({k: ("row", np.array(list(v))) for k, v in TABLE.items() if k != "ok"}).to_netcdf(path),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_arrays_of_a_file(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    arrays = read_data_files([str(path)])
    for column in arrays:
        np.testing.assert_array_equal(arrays[column], TABLE[column])
    assert {"x", "n"} <= set(arrays)


def test_an_array_is_named_after_its_file(tmp_path):
    np.save(tmp_path / "counts.npy", np.arange(3))
    arrays = read_data_files([str(tmp_path / "counts.npy")])
    np.testing.assert_array_equal(arrays["counts"], np.arange(3))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.csv": "x\n1\n", "b.csv": "x\n2\n"}, ["b.csv", "'x'", "a.csv", "rename"]),
        ({"a.csv": "x\n1\nthree\n4\n", "b.csv": ""}, ["b.csv", "EmptyDataError"]),
        ({"a.npy": "no array"}, ["a.npy", "ValueError"]),
    ],
)
def test_files_that_cannot_be_read(files, words, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as error:
        read_data_files([str(tmp_path / name) for name in files])
    for word in words:
        assert word in str(error.value)


def data_of(simulate, files=(), **settings):
    return make_data(
        Problem("p", simulate=simulate), None, settings, files, "config/experiments/p.yaml"
    )


def test_without_a_function_the_files_and_the_settings_are_the_data(tmp_path):
    path = tmp_path / "table.csv"
    TABLE.to_csv(path, index=False)
    data = data_of(None, [str(path)], num_groups=4)
    assert set(data) == {"x", "n", "county", "ok", "num_groups"}
    kept = tmp_path / "data.nc"
    store.write_dataset(to_dataset(data, "p", "here"), kept, "{}")
    for name, array in store.read_arrays(kept).items():
        np.testing.assert_array_equal(array, data[name])


@pytest.mark.parametrize(
    "read",
    [
        pd.read_csv,
        lambda path: path.read_text(),
        lambda path: os.close(os.open(path, os.O_RDONLY)),
    ],
)
def test_a_file_that_is_not_declared_is_refused(read, tmp_path):
    path = tmp_path / "table.csv"
    TABLE.to_csv(path, index=False)

    def simulate(key, settings):
        read(path)
        return {}

    with pytest.raises(InputError, match=rf"config/experiments/p.yaml: .*{path.name}.*data_files"):
        data_of(simulate)
    assert data_of(simulate, [str(path)]) == {}
    assert data_of(simulate, folder=str(tmp_path)) == {}
    read(path)  # of others nothing is said


def test_an_error_that_the_problem_hides_is_raised_all_the_same(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("x\n1\n")

    def simulate(key, settings):
        try:
            return {"x": path.read_text()}
        except Exception:
            return {"x": 0.0}

    with pytest.raises(InputError, match=r"table\.csv"):
        data_of(simulate)


def test_code_and_files_that_are_written_are_no_data(tmp_path):
    def simulate(key, settings):
        (tmp_path / "note.txt").write_text("x")
        import colorsys

        return {"x": colorsys.rgb_to_hsv(1, 0, 0)[2]}

    assert data_of(simulate) == {"x": 1.0}


def test_caches_and_what_the_problem_writes_itself_may_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "compiled"))
    caches = [tmp_path / ".cache/fonts.json", tmp_path / "compiled/program"]
    for path in caches:
        path.parent.mkdir()
        path.write_text("kept")

    def simulate(key, settings):
        own = tmp_path / "own.txt"
        own.write_text("4")
        return {"x": float(own.read_text()), "n": sum(len(path.read_text()) for path in caches)}

    assert data_of(simulate) == {"x": 4.0, "n": 8}


@pytest.mark.parametrize(
    ("settings", "word"), [({"x": 3}, "rename"), ({"m": {"a": 1}}, "a number")]
)
def test_settings_that_cannot_be_data(settings, word, tmp_path):
    path = tmp_path / "table.csv"
    TABLE.to_csv(path, index=False)
    with pytest.raises(InputError, match=rf"p\.yaml: key 'data\.{next(iter(settings))}': .*{word}"):
        data_of(None, [str(path)], **settings)
