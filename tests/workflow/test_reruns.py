"""Every edit reruns exactly what it must."""

import time

import pytest
from edits import EDITS

from support import Project, everything, fits


@pytest.mark.parametrize("edit", EDITS)
def test_edit(edit, project):
    expected = EDITS[edit](project)
    assert project.planned() == expected


def test_a_fresh_clone_runs_everything(tmp_path):
    assert Project.make(tmp_path / "new").planned() == everything("coin") | everything("line")


def test_a_heavy_experiment_runs_only_when_asked_for(tmp_path):
    project = Project.make(tmp_path / "new")
    project.edit("config/experiments/line.yaml", "problem:", "heavy: true\nproblem:")
    index = {"report: index notebook", "report: page index"}
    assert project.planned() == everything("coin")
    values = {"every published and exact value of the heavy experiments"}
    assert project.planned("heavy") == (everything("line") - index) | values
    assert project.planned("results/report/line.html") <= everything("line") - index


def test_the_run_made_what_it_promises(finished):
    for name in ("index", "coin", "line"):
        assert finished.exists(f"results/report/{name}.html")
    assert finished.exists("results/coin/fits.csv")


def test_a_second_run_does_nothing(project):
    started = time.monotonic()
    assert "Nothing to be done" in project.run()
    assert time.monotonic() - started < 60


def test_a_changed_threshold_is_applied_without_fitting(project):
    project.write("config/config.yaml", "experiments: [coin, line]\nthresholds: {ess: 0.5}\n")
    before = project.read("results/coin/fits.csv")
    assert "2 of 2 steps" in project.run("results/coin/fits.csv", "results/line/fits.csv")
    assert project.read("results/coin/fits.csv") != before
    planned = project.planned()
    assert not {job for job in planned if "table" in job or "diagnose" in job}
    assert not (fits("coin") | fits("line")) & planned


def test_results_of_a_removed_guide_are_listed_and_cleaned(project):
    project.edit("config/experiments/line.yaml", "[wide, AutoNormal]", "[wide]")
    output = project.run("results/line/fits.csv")
    removed = "results/line/fits/line/AutoNormal/particles-1.nc"
    assert "are stale" in output
    assert "clean_stale" in output
    assert "results/line/diagnostics/line/AutoNormal/particles-1.parquet" in output
    assert "AutoNormal" not in project.read("results/line/fits.csv")
    assert project.exists(removed)
    asked = project.snakemake("--dry-run", "--", removed)
    assert asked.returncode != 0
    assert "the configuration does not have (any more)" in asked.stdout
    assert "are stale" not in project.run("clean_stale")
    assert not project.exists(removed)
    assert project.exists("results/line/fits/line/wide/particles-1.nc")
    assert project.exists("results/coin/fits.csv")
    assert not fits("line") & project.planned()
