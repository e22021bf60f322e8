"""A small copy of the project, and what is run in it as a user would."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from svi_atlas.planning import code_digest

ROOT = Path(__file__).parents[1]

PARTS = ("Snakefile", "config", "envs", "examples", "notebooks", "profiles", "workflow")
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

LINE = (ROOT / "examples/own_model/line.yaml").read_text()
"""The experiment with a user's own problem is the example of the documentation."""

LINE_PROBLEM = "examples/own_model/line.py"
LINE_HELPER = "examples/own_model/line_helper.py"

FILES = {
    "config/config.yaml": CONFIG,
    "config/experiments/coin.yaml": COIN,
    "config/experiments/line.yaml": LINE,
    "config/expected/coin.yaml": EXPECTED_COIN,
}

PLAN = """
import json, os, sys
import svi_atlas.planning.run

for name in [name for name in sys.modules if name.split(".")[0] == "svi_atlas"]:
    del sys.modules[name]
for project in sys.argv[2:]:
    if os.fork():
        if os.wait()[1]:
            sys.exit(f"{project} cannot be planned")
        continue
    os.chdir(project)
    os.environ["PYTHONPATH"] = os.path.join(project, "workflow")
    sys.path.insert(0, os.environ["PYTHONPATH"])
    from svi_atlas.configuration.yaml import read_yaml
    from svi_atlas.planning.run import load

    run = load(read_yaml("config/config.yaml"), ".")
    if sys.argv[1] == "write":
        run.write_specs()
    default = run.default_experiments
    targets = [run.layout.path("page", page="index"), *run.pages_of(default)]
    targets += [run.layout.path("verification", experiment=name) for name in default]
    print(json.dumps({"specs": run.specs, "targets": targets}), flush=True)
    sys.exit()
"""
"""Prints for each project the spec of every job, and the files that `snakemake` without a target makes.

The libraries of others are imported once, the package of each project in a process of its own.
"""


@dataclass(frozen=True)
class Plan:
    """The spec text of every job by spec file, and the files that a plain `snakemake` makes."""

    specs: dict[str, str]
    targets: list[str]


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

    @property
    def environment(self) -> dict[str, str]:
        """A user's environment in which this copy is the package, rather than the installed one."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SNAKEMAKE", "JAX", "PYTHON", "COV"))
        }
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment["PYTHONPATH"] = str(self.path / "workflow")
        return environment

    def plan(self, *, write: bool = False) -> Plan:
        """The specs of the jobs as the sources are now, without Snakemake (see `plans`)."""
        return plans([self], write=write)[0]

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
        with output.open("w") if output else contextlib.nullcontext() as file:
            return subprocess.Popen(
                [sys.executable, "-m", "snakemake", *arguments],
                cwd=self.path,
                env=self.environment,
                stdout=file or subprocess.PIPE,
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
        """The names of the jobs that a run would do, from a dry run (see `jobs_in`)."""
        process = self.snakemake("--dry-run", "--printshellcmds", *arguments)
        assert process.returncode == 0, process.stdout
        return jobs_in(process.stdout)


def plans(projects: Sequence[Project], *, write: bool = False) -> list[Plan]:
    """The specs of the jobs of each project, by its own code; `write`: also bring their files up to date."""
    folders = [str(project.path) for project in projects]
    process = subprocess.run(
        [sys.executable, "-c", PLAN, "write" if write else "read", *folders],
        env=projects[0].environment,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    return [Plan(**json.loads(line)) for line in process.stdout.splitlines()]


def job_name(spec_file: str) -> str:
    """`results/coin/specs/figure/loss.json` is the job `coin/figure/loss`."""
    return spec_file.removeprefix("results/").removesuffix(".json").replace("/specs/", "/", 1)


COMMAND = re.compile(r"^Shell command: .*svi_atlas (?:run (\S+)|(\S+))", flags=re.MULTILINE)


def jobs_in(output: str) -> set[str]:
    """The jobs in the output of a dry run with shell commands, checked against its table of counts.

    A job is named after its spec (see `job_name`), a job without one after its command.
    """
    if "Nothing to be done" in output:
        return set()
    messages = re.findall(r"^Job \d+: (.+)$", output, flags=re.MULTILINE)
    silent = re.findall(r"^(?:local)?rule (\w+):$", output, flags=re.MULTILINE)
    total = re.search(r"^total\s+(\d+)$", output, flags=re.MULTILINE)
    jobs = [job_name(spec) if spec else command for spec, command in COMMAND.findall(output)]
    assert total, f"no table of jobs in\n{output}"
    assert set(silent) <= {"all"}, f"jobs without a message: {silent}"
    assert len(jobs) == len(messages), f"jobs without a command in\n{output}"
    assert len(jobs) + len(silent) == int(total[1]), f"jobs are missing in\n{output}"
    assert len(set(messages)) == len(messages), "two jobs have the same message"
    return set(jobs)


def kill_group(process: subprocess.Popen) -> None:
    """SIGKILL to a background run and all its jobs."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def forget_files() -> None:
    """Make `svi_atlas.planning.code_digest` read source files anew; a run reads each only once."""
    for function in vars(code_digest).values():
        if hasattr(function, "cache_clear") and function is not code_digest._graph:
            function.cache_clear()
