"""Bad input stops the real command before any job: not a traceback, but file, key and a way out."""

import pytest
from svi_atlas.configuration.schema import read_yaml

from support import COIN, CONFIG, LINE, Project, forget_files
from svi_atlas.errors import InputError
from svi_atlas.planning import run as plan

COIN_FILE = "config/experiments/coin.yaml"
LINE_FILE = "config/experiments/line.yaml"
PROBLEM = "mine/line.py"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A project without results, put in order again before each test."""
    return Project.make(tmp_path_factory.mktemp("bad") / "project")


@pytest.fixture
def project(fresh):
    before = {
        name: fresh.read(name) for name in ("config/config.yaml", COIN_FILE, LINE_FILE, PROBLEM)
    }
    yield fresh
    for name, text in before.items():
        fresh.write(name, text)


BAD = {
    "unknown key": (COIN_FILE, "num_steps", "num_stepz", ["unknown key 'num_stepz'", "allowed keys are", "num_steps"]),
    "unknown guide": (COIN_FILE, "[normal]", "[normall]", ["grid[0]", "unknown guide 'normall'", "did you mean 'normal'", "truncated_normal", "AutoNormal"]),
    "step size 0": (COIN_FILE, "[0.003,", "[0,", ["grid[0].step_sizes[0]", "greater than 0", "found 0"]),
    "negative step size": (COIN_FILE, "[0.003,", "[-0.003,", ["grid[0].step_sizes[0]", "greater than 0"]),
    "step size with a letter": (COIN_FILE, "[0.003,", "[1e-3x,", ["grid[0].step_sizes[0]", "type number", "'1e-3x'"]),
    "zero particles": (COIN_FILE, "[8]", "[0]", ["grid[0].num_particles[0]", "at least 1", "found 0"]),
    "duplicate seeds": (COIN_FILE, "seeds: 2", "seeds: [1, 1]", ["grid[0].seeds", "twice"]),
    "negative count": (COIN_FILE, "heads: 12", "heads: -12", ["data.heads", "at least 0", "found -12"]),
    "empty grid": (COIN_FILE, COIN[COIN.index("grid:"):COIN.index("named:")], "grid: []\n", ["'grid'", "at least 1 entry"]),
    "unreadable YAML": (COIN_FILE, "data: {", "data: {{", ["line 4", "not readable as YAML"]),
    "missing problem file": (LINE_FILE, "mine/line.py", "mine/lines.py", ["'problem'", "no such file 'mine/lines.py'", "relative to"]),
    "problem file without PROBLEM": (PROBLEM, "PROBLEM =", "PROBLEMS =", ["must define PROBLEM", "has no PROBLEM"]),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_input_starts_no_job(what, project):
    file, old, new, words = BAD[what]
    project.edit(file, old, new)
    process = project.snakemake("--cores", "1")
    assert process.returncode != 0
    assert "The run cannot start" in process.stdout
    for word in [file, *words]:
        assert word in process.stdout
    assert "Traceback" not in process.stdout
    assert "Job stats" not in process.stdout
    assert not project.exists("results/coin/data.nc")
    assert not project.exists("results/line/data.nc")


IMPROPER = "dist.ImproperUniform(dist.constraints.real, (), ())"

MORE = {
    "calibration of an improper prior": (PROBLEM, "dist.Normal(0.0, 1.0)", IMPROPER, [LINE_FILE, "'sbc.wide'", "model 'line'", "site 'mean' is improper"]),
    "undefined step size": (COIN_FILE, "[0.003,", "[.nan,", ["grid[0].step_sizes[0]", "finite number"]),
    "unknown figure": (COIN_FILE, "[loss,", "[los,", ["figures", "unknown figure 'los'", "did you mean 'loss'", "verdicts"]),
    "problem file that raises": (PROBLEM, "PROBLEM =", "raise ValueError('on purpose')\nPROBLEM =", ["ValueError: on purpose"]),
    "problem file that is no Python": (PROBLEM, "def simulate", "def simulate(", ["line", "not valid Python"]),
    "unknown problem": (LINE_FILE, "mine/line.py", "coins", ["'problem'", "unknown problem 'coins'", "did you mean 'coin'"]),
    "unknown experiment": ("config/config.yaml", "[coin,", "[coins,", ["experiments", "config/experiments/coins.yaml", "did you mean 'coin'"]),
    "data of no experiment": ("config/config.yaml", CONFIG, CONFIG + "override: {data: {coins: {tails: 3}}}\n", ["'override.data'", "'coins' is none of the experiments", "did you mean 'coin'"]),
    "unknown global key": ("config/config.yaml", CONFIG, CONFIG + "threshold: {}\n", ["unknown key 'threshold'", "did you mean 'thresholds'"]),
    "unknown notebook": (COIN_FILE, "figures:", "notebooks: [experimental]\nfigures:", ["notebook", "experimental", "experiment"]),
}  # fmt: skip


@pytest.mark.parametrize("what", MORE)
def test_more_bad_input_is_refused(what, project, monkeypatch):
    """By the function that the workflow calls first."""
    file, old, new, words = MORE[what]
    project.edit(file, old, new)
    monkeypatch.chdir(project.path)
    forget_files()
    with pytest.raises(InputError) as error:
        plan.load(read_yaml("config/config.yaml"), project.path).specs  # noqa: B018
    for word in words if words[0] == LINE_FILE else [file, *words]:
        assert word in str(error.value)


def test_global_configuration_that_is_no_yaml(project):
    project.write("config/config.yaml", "experiments: [coin\n")
    process = project.snakemake("--cores", "1")
    assert process.returncode != 0
    assert "config/config.yaml: line 2" in process.stdout
    assert "not readable as YAML" in process.stdout


def test_the_same_files_without_mistakes_can_run(project):
    assert project.read(LINE_FILE) == LINE
    assert project.planned("results/line/data.nc") == {"line: data"}
