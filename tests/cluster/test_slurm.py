"""The same run on a real Slurm of two nodes (see `tests/cluster/slurm`)."""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from support import LINE_PROBLEM, Project, kill_group
from svi_atlas.results import store

HERE = Path(__file__).parent
MISSING = [name for name in ("slurmctld", "slurmd", "munge") if not shutil.which(name)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING) or os.geteuid() != 0,
        reason="needs root and a Slurm: apt-get install slurm-wlm munge",
    ),
]

PROFILE = (
    "--profile", "profiles/slurm", "--slurm-no-account", "--latency-wait", "10",
    "--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2",
)  # fmt: skip
SINGLE = "results/coin/fits/headstails/normal/single.nc"
GRID = "results/coin/fits/headstails/normal/particles-8.nc"
PARTS = 20
"""A fit reports so many times."""


@pytest.fixture(scope="module", autouse=True)
def slurm():
    started = subprocess.run([HERE / "slurm", "start"], capture_output=True, text=True)
    if started.returncode:
        pytest.skip(f"no Slurm can be started here: {started.stderr[-2000:]}")
    yield
    subprocess.run([HERE / "slurm", "stop"], check=True)


@pytest.fixture
def project(unfinished, tmp_path):
    return unfinished.copy(tmp_path / "project")


@dataclass(frozen=True)
class Run:
    """A run in the background, in a project of its own."""

    project: Project
    process: subprocess.Popen
    file: Path

    def output(self, succeeds=True, seconds=900):
        self.process.wait(timeout=seconds)
        text = self.file.read_text()
        assert (self.process.returncode == 0) == succeeds, text
        return text


@pytest.fixture(scope="module")
def runs(slurm, unfinished, tmp_path_factory):
    """Runs that do not disturb each other and mostly wait: all at once, beside the first test."""
    folder = tmp_path_factory.mktemp("runs")
    started = {}

    def start(name, *arguments, prepare=lambda project: None):
        project = unfinished.copy(folder / name)
        prepare(project)
        file = folder / f"{name}.txt"
        started[name] = Run(project, project.start(*PROFILE, *arguments, output=file), file)

    data = "results/line/data.nc"
    start("slow", "--set-resources", "data:runtime=attempt*2-1", "--", data, prepare=make_slow)
    start("whole")
    start("gpu", SINGLE, GRID, prepare=make_gpu)
    start("memory", data, prepare=make_greedy)
    start("always", "--retries", "0", data, prepare=make_greedy)
    yield started
    for run in started.values():
        kill_group(run.process)


def succeeds(project, *arguments):
    process = project.snakemake(*PROFILE, *arguments)
    assert process.returncode == 0, process.stdout
    return process.stdout


def jobs():
    """What Slurm knows of each job, by its number, also some minutes after it ended."""
    output = subprocess.run(
        ["scontrol", "show", "job", "--oneliner"], capture_output=True, text=True, check=True
    ).stdout
    found = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in output.splitlines()]
    return {int(job["JobId"]): job for job in found if "JobId" in job}


def jobs_of(project):
    return {name: job for name, job in jobs().items() if job["WorkDir"] == str(project.path)}


def wait_for(condition, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return found


def make_long(project, num_steps):
    project.edit("config/experiments/coin.yaml", "seed: 3}", f"seed: 3, num_steps: {num_steps}}}")


def is_running(project):
    """The long fit has reported its first steps."""
    log = project.path / "results/coin/logs/fit/headstails/normal/single.log"
    return log.exists() and " left, " in log.read_text()


GREEDY = """
def simulate(key, settings):
    import time

    memory = np.ones({megabytes} * 131_072)
    time.sleep({seconds})
    return {{"y": np.asarray(settings["observed"] * memory[0], np.float32)}}
"""


def make_greedy(project, megabytes=1300, seconds=8):
    """Make drawing the data take that much memory and time."""
    problem = project.read(LINE_PROBLEM)
    start, end = problem.index("def simulate"), problem.index("def model")
    greedy = GREEDY.format(megabytes=megabytes, seconds=seconds)
    project.write(LINE_PROBLEM, problem[:start] + greedy + "\n\n" + problem[end:])


def make_slow(project):
    """Slurm looks every 30 s for jobs over their time, so that this one is seen at one minute."""
    make_greedy(project, megabytes=1, seconds=100)


def make_gpu(project):
    project.edit("config/experiments/coin.yaml", "problem: coin", "problem: coin\ngpu: true")
    project.edit("config/config.yaml", "experiments", "allow_cpu: true\nexperiments")


def test_a_killed_run_leaves_nothing_that_is_computed_twice(runs, project):
    make_long(project, 20_000_000)
    process = project.start(*PROFILE, SINGLE)
    try:
        wait_for(lambda: is_running(project), process)
    finally:
        kill_group(process)
    (left,) = [name for name, job in jobs_of(project).items() if job["JobState"] == "RUNNING"]
    project.edit("config/experiments/coin.yaml", "20000000", "400")
    succeeds(project, "--unlock")
    output = succeeds(project, SINGLE)
    assert f"Cancelled jobs that an earlier run left in the queue: {left}" in output
    assert jobs()[left]["JobState"] == "CANCELLED"
    assert sum(job["JobState"] == "CANCELLED" for job in jobs_of(project).values()) == 1
    assert project.exists(SINGLE)


def test_gpu_jobs_go_to_the_node_with_the_gpu_one_at_a_time(runs):
    runs["gpu"].output()
    on_gpu = [
        job for job in jobs_of(runs["gpu"].project).values() if "gpu" in job.get("TresPerJob", "")
    ]
    assert len(on_gpu) == 2
    assert {job["NodeList"] for job in on_gpu} == {"n2"}
    first, second = sorted(on_gpu, key=lambda job: job["StartTime"])
    assert first["EndTime"] <= second["StartTime"]
    assert {job["JobState"] for job in on_gpu} == {"COMPLETED"}


def test_a_job_over_its_memory_gets_more(runs):
    runs["memory"].output()
    limits = [job["MinMemoryNode"] for job in jobs_of(runs["memory"].project).values()]
    assert limits == ["1000M", "2000M"]


def test_a_job_always_over_its_limits_is_a_clear_error(runs):
    output = runs["always"].output(succeeds=False)
    assert "Error in rule data" in output
    assert "A data job exceeded its mem_mb" in output
    assert "--set-resources 'data:mem_mb=...'" in output
    assert not runs["always"].project.exists("results/line/data.nc")


def test_the_whole_run_equals_the_local_one(runs, finished):
    runs["whole"].output()
    assert_equal_results(runs["whole"].project.path / "results", finished.path / "results")


def test_a_job_over_its_time_gets_more(runs):
    runs["slow"].output()
    limits = {job["TimeLimit"]: job["JobState"] for job in jobs_of(runs["slow"].project).values()}
    assert limits == {"00:01:00": "TIMEOUT", "00:03:00": "COMPLETED"}


def test_a_node_that_goes_down_loses_nothing(project):
    """Last, since it would disturb the other runs."""
    make_long(project, 3_000_000)
    process = project.start(*PROFILE, SINGLE)
    try:
        wait_for(lambda: is_running(project), process)
        node = next(
            job["NodeList"] for job in jobs_of(project).values() if job["JobState"] == "RUNNING"
        )
        subprocess.run([HERE / "slurm", "down", node], check=True)
        output, _ = process.communicate(timeout=400)
    finally:
        kill_group(process)
        subprocess.run([HERE / "slurm", "up", node], check=True)
    assert process.returncode == 0, output
    assert project.exists(SINGLE)
    again = [job for job in jobs_of(project).values() if int(job.get("Restarts", 0)) > 0]
    assert [job["NodeList"] == node for job in again] == [False]


SHOW_SECONDS = ("general.advice", "general.by_guide", "general.provenance")
"""Analyses that show the seconds a fit takes, as pages do."""


def assert_equal_results(one, other):
    """The same files; the same bytes, but for how long fits took and what jobs said and cost."""
    files = [
        sorted(
            path.relative_to(folder)
            for path in folder.rglob("*.*")
            if path.is_file() and not {"logs", "costs", ".compiled", ".planning"} & set(path.parts)
        )
        for folder in (one, other)
    ]
    assert files[0] == files[1]
    assert len(files[0]) > 40
    for name in files[0]:
        first, second = one / name, other / name
        if name.stem in SHOW_SECONDS:
            continue
        if "fits" in name.parts:
            assert_equal_fits(first, second)
        elif name.suffix == ".parquet" or name.name == "fits.csv":
            tables = [store.read_table(path) for path in (first, second)]
            pd.testing.assert_frame_equal(
                *(table.drop(columns="seconds", errors="ignore") for table in tables),
                check_exact=True,
            )
        elif name.suffix not in (".ipynb", ".html"):
            assert first.read_bytes() == second.read_bytes(), name


def assert_equal_fits(one, other):
    """Bit for bit, timings apart."""
    with xr.open_dataset(one) as first, xr.open_dataset(other) as second:
        assert first.variables.keys() == second.variables.keys()
        for name in first.variables:
            np.testing.assert_array_equal(first[name], second[name])
