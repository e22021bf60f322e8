"""A model of one's own from the commands `new` and `check` to a page, and an edit of its data."""

import json

import pandas as pd
import pytest

from support import Project, forget_files
from svi_atlas.cli import main
from svi_atlas.errors import InputError
from svi_atlas.jobs.check_experiment import check_experiment
from svi_atlas.planning.new_experiment import new_experiment

SMALL_GRID = """
num_steps: 200
num_draws: 200
num_snapshots: 20
grid:
  - {guides: [AutoNormal], num_particles: [8], step_sizes: [0.01], seeds: 2}
figures: [loss]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the project, which is the working directory."""
    project = Project.clone(tmp_path / "project")
    monkeypatch.chdir(project.path)
    forget_files()
    return project


def test_what_new_writes_is_right(folder, capsys):
    assert main(["new", "growth"]) == 0
    assert 'snakemake --cores 2 --config "experiments=[growth]"' in capsys.readouterr().out
    lines = list(check_experiment("growth"))
    assert [str(line) for line in lines if line.kind != "ok"] == []
    assert [line.text for line in lines][1:4] == [
        "data 'x': int64, shape (10,)",
        "data 'y': float64, shape (10,)",
        "model 'model': 3 dimensions; level (), slope (), noise ()",
    ]
    with pytest.raises(InputError, match=r"my_models/growth\.py.* exists already"):
        new_experiment("growth")
    with pytest.raises(InputError, match="cannot be the name"):
        new_experiment("my growth")


def test_new_takes_the_columns_of_a_table(folder, capsys):
    folder.write("tea.csv", "minutes;sugar level;rating\n1;0;2.1\n2;1;3.9\n3;0;6.2\n")
    new_experiment("tea", "tea.csv")
    assert "def model(minutes, rating=None):" in folder.read("my_models/tea.py")
    assert main(["check", "tea"]) == 0
    assert "data 'sugar level': int64" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("my_models/growth.py", "slope * x", "slope * z", ["NameError", "'z'"]),
        ("my_models/growth.py", "def model(x,", "def model(time,", ["'time'", "'x', 'y'"]),
        ("my_models/growth.csv", "4,7.3", "4,", ["'y' (1)", "numpyro.handlers.mask"]),
    ],
)
def test_check_says_what_is_wrong(folder, file, old, new, words, capsys):
    new_experiment("growth")
    folder.edit(file, old, new)
    assert main(["check", "config/experiments/growth.yaml"]) == 1
    errors = [line for line in capsys.readouterr().out.splitlines() if line.startswith("error")]
    for word in words:
        assert word in errors[0]


@pytest.mark.slow
def test_an_edit_of_the_data_reruns_what_depends_on_them(folder):
    new_experiment("growth")
    experiment = folder.read("config/experiments/growth.yaml")
    folder.write("config/experiments/growth.yaml", experiment + SMALL_GRID)
    run = ("--config", "experiments=[growth]")
    folder.run(*run)
    assert folder.exists("results/report/growth.html")
    before = pd.read_csv(folder.path / "results/growth/fits.csv")
    assert folder.planned(*run) == set()
    folder.edit("my_models/growth.csv", "9,14.6", "9,34.6")
    planned = folder.planned(*run)
    assert "growth/data" in planned
    assert any(job.startswith("growth/fit/") for job in planned)
    folder.run(*run)
    after = pd.read_csv(folder.path / "results/growth/fits.csv")
    assert not (before["final_loss"] == after["final_loss"]).any()
    spec = json.loads(folder.read("results/growth/specs/data.json"))
    assert list(spec["files"]) == ["my_models/growth.csv"]
