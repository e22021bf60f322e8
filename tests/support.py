"""A small copy of the project, and Snakemake run in it as a user would."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from svi_atlas.planning import code_digest as spec

ROOT = Path(__file__).parents[1]

PARTS = ("Snakefile", "config", "envs", "notebooks", "profiles", "pyproject.toml", "workflow")
"""What a run needs of the project."""

CONFIG = """\
experiments: [coin, line]
"""

COIN = """\
title: A small coin
problem: coin
data: {heads: 12, tails: 8}
num_steps: 200
num_draws: 200
num_snapshots: 20
grid:
  - guides: [normal]
    num_particles: [8]
    step_sizes: [0.003, 0.01]
    seeds: 2
single:
  single: {guide: normal, num_particles: 1, step_size: 0.01, seed: 3}
figures: [loss, verdicts]
"""

LINE = """\
title: A user's own problem
problem: mine/line.py
data: {observed: 1.5}
num_steps: 200
num_draws: 200
num_snapshots: 20
grid:
  - guides: [wide, AutoNormal]
    num_particles: [1]
    step_sizes: [0.01]
    seeds: 2
sbc:
  wide: {guide: wide, num_particles: 1, step_size: 0.02, simulations: 20, num_draws: 100}
figures: [verdicts]
"""

LINE_PROBLEM = '''\
"""A Normal mean with one observation."""

import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.distributions import constraints
from svi_atlas.records import Problem, Reference

from line_helper import START


def simulate(key, settings):
    return {"y": np.asarray(settings["observed"], np.float32)}


def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def wide(data):
    loc = numpyro.param("loc", START)
    scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
    numpyro.sample("mean", dist.Normal(loc, scale))


def reference(data, settings):
    mean, sd = float(data["y"]) / 2, np.sqrt(0.5)
    return Reference(
        draws={"mean": mean + sd * np.random.default_rng(0).standard_normal(100)},
        mean={"mean": np.asarray(mean)},
        sd={"mean": np.asarray(sd)},
        log_evidence=-0.5 * np.log(4 * np.pi) - float(data["y"]) ** 2 / 4,
        method="exact",
    )


PROBLEM = Problem("line", "here", simulate, {"line": model}, {"wide": wide}, reference)
'''

EXPECTED_COIN = """\
rows:
  - name: loss of the Normal guide
    where: {guide: normal, label: particles-8, step_size: 0.01}
    column: final_loss
    statistic: median
    expect: 14.794
    tolerance: 0.15
    kind: exact
    source: quadrature
    why: a wrong prior, Beta(2, 2), changes the log evidence by 0.33; 200 steps leave less than 0.1
"""

FILES = {
    "config/config.yaml": CONFIG,
    "config/experiments/coin.yaml": COIN,
    "config/experiments/line.yaml": LINE,
    "config/expected/coin.yaml": EXPECTED_COIN,
    "mine/line.py": LINE_PROBLEM,
    "mine/line_helper.py": "START = 0.0\n",
}


@dataclass(frozen=True)
class Project:
    """A copy of the project with a tiny configuration, in a folder of its own."""

    path: Path

    @classmethod
    def clone(cls, path: Path) -> Project:
        """The project as it is, without results."""
        path.mkdir(parents=True)
        for name in PARTS:
            if (ROOT / name).is_dir():
                shutil.copytree(
                    ROOT / name, path / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
                )
            else:
                shutil.copy2(ROOT / name, path / name)
        return cls(path)

    @classmethod
    def make(cls, path: Path) -> Project:
        """A clone with a tiny configuration."""
        project = cls.clone(path)
        shutil.rmtree(path / "config" / "experiments")
        shutil.rmtree(path / "config" / "expected", ignore_errors=True)
        for name, text in FILES.items():
            project.write(name, text)
        return project

    def copy(self, path: Path) -> Project:
        """Everything, with results and what Snakemake remembers, with the same times."""
        subprocess.run(["cp", "-a", str(self.path), str(path)], check=True)
        return Project(path)

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, name: str) -> str:
        return (self.path / name).read_text()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first `old` in a file, which must be there."""
        text = self.read(name)
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new, 1))

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def snakemake(self, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess:
        """Run Snakemake here; its whole output is in `.stdout`."""
        process = self.start(*arguments)
        try:
            output, _ = process.communicate(timeout=timeout)
        except BaseException:
            kill_group(process)
            raise
        return subprocess.CompletedProcess(arguments, process.returncode, output)

    def start(self, *arguments: str, output: Path | None = None) -> subprocess.Popen:
        """The same in the background, in a process group of its own; `output` is a file for it."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SNAKEMAKE", "JAX", "PYTHON", "COV"))
        }
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.path,
            env=environment,
            stdout=output.open("w") if output else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str) -> str:
        """Run on two cores; it must succeed. Returns the output."""
        process = self.snakemake("--cores", "2", "--max-jobs-per-timespan", "1000/1s", *arguments)
        assert process.returncode == 0, process.stdout
        return process.stdout

    def planned(self, *arguments: str) -> set[str]:
        """The messages of the jobs a run would do, from a dry run."""
        process = self.snakemake("--dry-run", *arguments)
        assert process.returncode == 0, process.stdout
        return jobs_in(process.stdout)


def jobs_in(output: str) -> set[str]:
    """Messages of the jobs listed in the output of a dry run, checked against its table of counts."""
    if "Nothing to be done" in output:
        return set()
    jobs = re.findall(r"^Job \d+: (.+)$", output, flags=re.MULTILINE)
    silent = re.findall(r"^(?:local)?rule (\w+):$", output, flags=re.MULTILINE)
    total = re.search(r"^total\s+(\d+)$", output, flags=re.MULTILINE)
    assert total, f"no table of jobs in\n{output}"
    assert set(silent) <= {"all"}, f"jobs without a message: {silent}"
    assert len(jobs) + len(silent) == int(total[1]), f"jobs are missing in\n{output}"
    assert len(set(jobs)) == len(jobs), "two jobs have the same message"
    return set(jobs)


def kill_group(process: subprocess.Popen) -> None:
    """SIGKILL to a background run and all its jobs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def forget_files() -> None:
    """Make `svi_atlas.planning.code_digest` read source files anew; a run reads each only once."""
    for function in vars(spec).values():
        if hasattr(function, "cache_clear") and function is not spec._graph:
            function.cache_clear()


CELLS = {
    "coin": {"normal, particles-8", "normal, single"},
    "line": {"wide, particles-1", "AutoNormal, particles-1"},
}
FIGURES = {"coin": {"loss", "verdicts"}, "line": {"verdicts"}}
MODELS = {"coin": "headstails", "line": "line"}


def _cell_jobs(experiment: str, verb: str, word: str, cells: set[str] | None) -> set[str]:
    found = set()
    for cell in CELLS[experiment] if cells is None else cells:
        guide, run = cell.split(", ")
        found.add(f"{experiment}: {verb} {guide} {word} {MODELS[experiment]}, {run}")
    return found


def fits(experiment: str, cells: set[str] | None = None) -> set[str]:
    """The fits of all cells, or of some."""
    return _cell_jobs(experiment, "fit", "to", cells)


def diagnoses(experiment: str, cells: set[str] | None = None) -> set[str]:
    return _cell_jobs(experiment, "diagnose", "on", cells)


def figures(experiment: str, names: set[str] | None = None) -> set[str]:
    """Figures of an experiment with its notebook and page."""
    names = FIGURES[experiment] if names is None else names
    return {f"{experiment}: figure {name}" for name in names} | page(experiment)


def page(experiment: str) -> set[str]:
    return {f"{experiment}: notebook experiment", f"report: page {experiment}"}


INDEX = {"report: index notebook", "report: page index"}


def after_diagnoses(*experiments: str) -> set[str]:
    """What follows when a statistic or a threshold changes."""
    found = set(INDEX)
    for experiment in experiments:
        found |= figures(experiment) | {
            f"{experiment}: table of verdicts",
            f"{experiment}: comparison with published and exact values",
        }
    return found


def after_fits(experiment: str, cells: set[str] | None = None) -> set[str]:
    """The fits of some cells and what follows."""
    return fits(experiment, cells) | diagnoses(experiment, cells) | after_diagnoses(experiment)


CALIBRATION = {"line: refit wide", "line: calibration", "line: figure calibration"}
"""Jobs of the calibration; the page follows."""


def everything(experiment: str) -> set[str]:
    """Every job of an experiment."""
    calibration = CALIBRATION if experiment == "line" else set()
    first = {f"{experiment}: data", f"{experiment}: reference posterior"}
    return after_fits(experiment) | first | calibration
