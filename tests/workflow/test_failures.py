"""A guide that raises is a result; planted errors turn `verify` red; killed jobs finish later."""

import json
import os
import signal
import time

import pytest
from expected_jobs import after_fits

from support import CONFIG, LINE_PROBLEM, kill_group

pytestmark = pytest.mark.slow

COIN_FILE = "config/experiments/coin.yaml"
LINE_FILE = "config/experiments/line.yaml"

BROKEN = """
def broken(data):
    raise ValueError("broken on purpose")


PROBLEM = Problem("line", "here", simulate, {"line": model}, {"wide": wide, "broken": broken}, reference)
"""
TABLES = ("results/line/fits.csv", "results/line/verification.csv")


@pytest.fixture
def with_a_broken_guide(project):
    problem = project.read(LINE_PROBLEM)
    project.write(LINE_PROBLEM, problem[: problem.index("PROBLEM =")] + BROKEN)
    project.edit(LINE_FILE, "[wide, AutoNormal]", "[wide, broken]")
    return project


def test_a_guide_that_raises_is_a_result_and_an_error_only_if_strict(with_a_broken_guide):
    project = with_a_broken_guide
    output = project.run("results/report/line.html", *TABLES)
    after = output[output.index("steps (100%) done") :]
    assert "line: 4 fits: 2 failed" in after
    assert "failed: line, broken, particles-1: ValueError: broken on purpose" in after
    assert project.read("results/line/fits.csv").count("broken on purpose") >= 2
    assert "broken on purpose" in project.read("results/report/line.html")
    assert project.planned("results/report/line.html", *TABLES) == set()

    project.write("config/config.yaml", CONFIG + "strict: true\n")
    process = project.snakemake("--cores", "2", *TABLES)
    assert process.returncode != 0
    assert "strict is true and these fits failed" in process.stdout
    assert "line, broken, particles-1: ValueError: broken on purpose" in process.stdout


def test_a_fit_that_needs_a_gpu_says_so_or_is_allowed_the_cpu(project):
    project.edit(COIN_FILE, "problem: coin", "problem: coin\ngpu: true")
    process = project.snakemake("--cores", "1", "--config", "experiments=[coin]", "--", LONG_FIT)
    assert process.returncode != 0
    for words in ("coin.yaml: key 'gpu'", "allow_cpu: true"):
        assert words in process.stdout
    project.edit("config/config.yaml", "experiments", "allow_cpu: true\nexperiments")
    project.run(LONG_FIT)


def test_only_guides_that_raise(with_a_broken_guide):
    project = with_a_broken_guide
    project.edit(LINE_FILE, "[wide, broken]", "[broken]")
    output = project.run("results/line/fits.csv", "results/line/figures/verdicts.svg")
    assert "line: 2 fits: 2 failed" in output


def test_verify_is_green_and_a_wrong_prior_turns_it_red(project):
    output = project.run("verify")
    assert "1 of 1 values within tolerance, 0 out" in output
    model = "workflow/svi_atlas/problems/coin/model.py"
    project.edit(model, "dist.Uniform(0.0, 1.0)", "dist.Beta(2.0, 2.0)")
    process = project.snakemake("--cores", "2", "verify")
    assert process.returncode != 0
    (out,) = {line for line in process.stdout.splitlines() if line.startswith("OUT")}
    assert "loss of the Normal guide" in out
    assert "14.794" in out
    assert "0 of 1 values within tolerance, 1 out" in process.stdout


LONG_FIT = "results/coin/fits/headstails/normal/single.nc"


def wait_for(condition, process, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def long_fit(project, monkeypatch):
    """A project whose named fit takes long, and that fit started in the background.

    The fit is in the process group of its run, so that it stops and dies with it.
    """
    monkeypatch.setenv("SVI_ATLAS_FORKSERVER", "off")
    project.edit(COIN_FILE, "seed: 3}", "seed: 3, num_steps: 600000}")
    log = project.path / "results/coin/logs/fit/headstails/normal/single.log"
    log.unlink()
    process = project.start("--cores", "1", LONG_FIT)
    try:
        wait_for(lambda: log.exists() and " of 600,000" in log.read_text(), process)
        yield project, process
    finally:
        kill_group(process)


def test_a_killed_job_leaves_no_half_result_and_finishes_later(long_fit):
    project, process = long_fit
    kill_group(process)
    assert not project.exists(LONG_FIT)
    project.edit(COIN_FILE, "num_steps: 600000", "num_steps: 300")
    project.run("--unlock")
    assert project.planned() == after_fits("coin", {"headstails/normal/single"})
    project.run(LONG_FIT)
    assert "of 300" in project.read("results/coin/logs/fit/headstails/normal/single.log")
    assert project.planned(LONG_FIT) == set()


def test_a_job_whose_spec_changed_meanwhile_does_not_overwrite(long_fit):
    project, process = long_fit
    os.killpg(process.pid, signal.SIGSTOP)
    project.edit(COIN_FILE, "num_steps: 600000", "num_steps: 300")
    assert "coin/fit/headstails/normal/single" in project.planned("--nolock", LONG_FIT)
    os.killpg(process.pid, signal.SIGCONT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "changed while the job ran" in output
    assert not project.exists(LONG_FIT)
    project.run(LONG_FIT)
    spec = json.loads(project.read("results/coin/specs/fit/headstails/normal/single.json"))
    assert spec["cell"]["num_steps"] == 300
    assert project.planned(LONG_FIT) == set()
