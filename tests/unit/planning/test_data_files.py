"""The files of an experiment's data: where they are looked for, and what is known of them."""

import pytest

from svi_atlas.errors import InputError
from svi_atlas.planning.data_files import digests, find_data_files, unreadable


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("experiments/near.csv", "my_models/far.csv", "root.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n1\n")
    return tmp_path


def test_paths_are_relative_to_the_experiment_or_to_the_working_directory(project):
    names = ["near.csv", "../my_models/far.csv", "my_models/far.csv", "root.csv"]
    found = find_data_files(names, project / "experiments/mine.yaml", "mine.yaml")
    assert found == ("experiments/near.csv", "my_models/far.csv", "my_models/far.csv", "root.csv")


def test_a_missing_file_is_named_with_where_it_was_looked_for(project):
    with pytest.raises(InputError) as error:
        find_data_files(["root.csv", "gone.csv"], project / "experiments/mine.yaml", "mine.yaml")
    (problem,) = error.value.problems
    assert (problem.code, problem.file, problem.key) == ("no_file", "mine.yaml", "data_files[1]")
    assert "experiments/gone.csv nor gone.csv" in problem.text


def test_kinds_that_are_read_without_a_function():
    assert not list(unreadable(["a.CSV", "b.npz"], False, "mine.yaml"))
    assert not list(unreadable(["a.fits"], True, "mine.yaml"))
    (problem,) = unreadable(["a.csv", "b.fits"], False, "mine.yaml")
    assert (problem.code, problem.key) == ("unknown_format", "data_files[1]")
    assert ".parquet" in problem.text


def test_a_digest_follows_the_content_also_of_files_that_settings_name(project):
    settings = {"table": "root.csv", "other": ["my_models/far.csv", "no file"], "n": 3}
    before = digests(["experiments/near.csv"], settings)
    assert set(before) == {"experiments/near.csv", "my_models/far.csv", "root.csv"}
    (project / "root.csv").write_text("x\n2\n")
    after = digests(["experiments/near.csv"], settings)
    assert [name for name in before if before[name] != after[name]] == ["root.csv"]
