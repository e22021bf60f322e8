"""Every stage keeps the contract: a short module whose jobs read only the files that they are given.

Each job is run in a folder that holds nothing but its spec, the files that this names, and the user's
problem file where the stage needs it; it must succeed there and write what the whole run wrote.
"""

import hashlib
import importlib
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from support import CONFIG
from svi_atlas.jobs import forkserver
from svi_atlas.locations import PACKAGE
from svi_atlas.planning.job_spec import input_files
from svi_atlas.results.paths import JOBS

STAGES = sorted(path.stem for path in (PACKAGE / "jobs/stages").glob("[a-z]*.py"))

MAX_LINES = 30
"""Of a stage, docstring and imports included: read, one call of the library, write."""

STUDY = """\
title: A small study
problem: verdict_study
heavy: true
num_steps: 100
num_draws: 100
num_snapshots: 20
grid:
  - models: [log_gamma_4_1, student_6_1]
    guides: [AutoNormal]
    num_particles: [1]
    step_sizes: [0.01]
    seeds: 2
study:
  posteriors: config/studies/small.csv
  sha256: DIGEST
figures: [verdict_study.rates, verdict_study.adequate_by_error]
notebooks: [verdict_study]
"""

POSTERIORS = "experiment,model\nstudy,log_gamma_4_1\nstudy,student_6_1\n"

SEARCHED = """\
title: A line whose fits are searched for
problem: examples/own_model/line.py
data: {observed: 1.5}
heavy: true
num_draws: 200
num_snapshots: 20
search: {seeds: 2, budget: 20000, guides: [AutoDiagonalNormal]}
nuts: {seeds: 2, budgets: [500]}
"""
"""The finished run has jobs of the other stages; these experiments add those of rates, search and NUTS."""

ONE_JOB_IS_ENOUGH = ("data", "laplace", "reference", "fit", "diagnose", "truth", "sbc_refit")
"""Stages whose jobs differ only in their settings; of these the first one is run."""

MORE_FILES = (
    "results/study/rates.csv",
    "results/report/study.html",
    "results/searched/fits.parquet",
    "results/searched/nuts/line.parquet",
)


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory):
    """A finished run with jobs of every stage."""
    project = finished.copy(tmp_path_factory.mktemp("stages") / "project")
    digest = hashlib.sha256(POSTERIORS.encode()).hexdigest()
    project.write("config/studies/small.csv", POSTERIORS)
    project.write("config/experiments/study.yaml", STUDY.replace("DIGEST", digest))
    project.write("config/experiments/searched.yaml", SEARCHED)
    project.write("config/config.yaml", CONFIG.replace("line]", "line, study, searched]"))
    project.run(*MORE_FILES)
    return project


@pytest.fixture(scope="module")
def jobs(project):
    """The specs of the jobs that have run, by spec file."""
    specs = {path: json.loads(text) for path, text in project.plan().specs.items()}
    return {
        path: spec
        for path, spec in specs.items()
        if all(project.exists(output) for output in spec["outputs"].values())
    }


@pytest.fixture(scope="module")
def warm_start():
    """Jobs are forks of one process, as in a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(forkserver.VARIABLE, "none")
        server = forkserver.start({"PYTHONHASHSEED": "0"})
        yield
        if server is not None:
            server.stdin.close()
            server.wait(timeout=60)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_a_short_module_with_one_function(stage):
    file = PACKAGE / "jobs/stages" / f"{stage}.py"
    assert len(file.read_text().splitlines()) <= MAX_LINES
    module = importlib.import_module(f"svi_atlas.jobs.stages.{stage}")
    assert list(inspect.signature(module.run).parameters) == ["job"]
    assert module.__doc__
    own = inspect.getmembers(module, inspect.isfunction)
    public = [name for name, function in own if function.__module__ == module.__name__]
    assert [name for name in public if not name.startswith("_")] == ["run"]


def test_every_stage_has_a_path_for_its_specs():
    assert set(JOBS) | {"index"} == set(STAGES)  # the index is a page


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_job_reads_only_the_files_of_its_spec(stage, project, jobs, warm_start, tmp_path):
    of_stage = {path: spec for path, spec in jobs.items() if spec["stage"] == stage}
    assert of_stage, f"no job of {stage} has run: add one to this test"
    selected = list(of_stage)[:1] if stage in ONE_JOB_IS_ENOUGH else list(of_stage)
    for index, path in enumerate(selected):
        folder = tmp_path / str(index)
        give_files(project, path, of_stage[path], folder)
        command = [sys.executable, "-m", "svi_atlas", "run", path]
        job = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert job.returncode == 0, f"{path} reads a file that it was not given:\n{job.stderr}"
        for output in of_stage[path]["outputs"].values():
            assert_equal_results(folder / output, project.path / output)


def give_files(project, path, spec, folder):
    """Copy the spec, the files that it names, and the user's problem file into a new folder."""
    for name in [path, *input_files(project.path / path)]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project.path / name, target)
    problem = Path(spec.get("problem", ""))
    if problem.suffix == ".py":
        shutil.copytree(project.path / problem.parent, folder / problem.parent)


def assert_equal_results(one, other):
    """Equal bytes; of fits and of NUTS, equal but for the seconds they took."""
    if "nuts" in one.parts:
        first, second = (
            pd.read_parquet(path).filter(regex="^(?!seconds)") for path in (one, other)
        )
        pd.testing.assert_frame_equal(first, second)
        return
    if "fits" not in one.parts:
        assert one.read_bytes() == other.read_bytes(), one
        return
    with xr.open_dataset(one) as first, xr.open_dataset(other) as second:
        assert first.variables.keys() == second.variables.keys()
        for name in first.variables:
            np.testing.assert_array_equal(first[name], second[name])
        attributes = [
            {name: str(value) for name, value in fits.attrs.items() if "seconds" not in name}
            for fits in (first, second)
        ]
        assert attributes[0] == attributes[1]


@pytest.mark.slow
def test_a_rule_gives_each_job_the_files_of_its_spec(project, jobs):
    process = project.snakemake(
        "--detailed-summary", "--nolock", "--quiet", "all", "--", "all", *MORE_FILES
    )
    assert process.returncode == 0, process.stdout
    lines = [line.split("\t") for line in process.stdout.splitlines() if line.count("\t") > 5]
    heading, *rows = lines
    by_output = {row[0]: dict(zip(heading, row, strict=True)) for row in rows}
    of_stages = set()
    for path, spec in jobs.items():
        for output in spec["outputs"].values():
            row = by_output[output]
            files = input_files(project.path / path)
            assert sorted(row["input-file(s)"].split(",")) == sorted({path, *files}), output
            assert f"svi_atlas run {path} " in row["shellcmd"]
            assert row["rule"].startswith(spec["stage"]), "named after its stage"
            of_stages.add(spec["stage"])
    assert of_stages == set(STAGES)
