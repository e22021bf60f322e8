"""Bad input stops the real command before any job: not a traceback, but file, key and a way out."""

import pytest

from support import COIN, CONFIG, LINE, LINE_PROBLEM, forget_files
from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.errors import InputError
from svi_atlas.planning.run import load

CONFIG_FILE = "config/config.yaml"
COIN_FILE = "config/experiments/coin.yaml"
LINE_FILE = "config/experiments/line.yaml"

GRID = COIN[COIN.index("grid:") : COIN.index("single:")]
IMPROPER = "dist.ImproperUniform(dist.constraints.real, (), ())"

BAD = {
    "unknown key": (COIN_FILE, "num_steps", "num_stepz", ("unknown_key", COIN_FILE, "num_stepz"), ["num_steps"]),
    "unknown guide": (COIN_FILE, "[normal]", "[normall]", ("unknown_name", COIN_FILE, "grid[0]"), ["'normall'", "'normal'", "truncated_normal", "AutoNormal"]),
    "step size 0": (COIN_FILE, "[0.003,", "[0,", ("too_small", COIN_FILE, "grid[0].step_sizes[0]"), []),
    "negative step size": (COIN_FILE, "[0.003,", "[-0.003,", ("too_small", COIN_FILE, "grid[0].step_sizes[0]"), []),
    "undefined step size": (COIN_FILE, "[0.003,", "[.nan,", ("not_finite", COIN_FILE, "grid[0].step_sizes[0]"), []),
    "step size with a letter": (COIN_FILE, "[0.003,", "[1e-3x,", ("wrong_type", COIN_FILE, "grid[0].step_sizes[0]"), ["'1e-3x'"]),
    "zero particles": (COIN_FILE, "[8]", "[0]", ("too_small", COIN_FILE, "grid[0].num_particles[0]"), []),
    "duplicate seeds": (COIN_FILE, "seeds: 2", "seeds: [1, 1]", ("not_unique", COIN_FILE, "grid[0].seeds"), []),
    "negative count": (COIN_FILE, "heads: 12", "heads: -12", ("too_small", COIN_FILE, "data.heads"), ["-12"]),
    "empty grid": (COIN_FILE, GRID, "grid: []\n", ("too_few", COIN_FILE, "grid"), []),
    "unreadable YAML": (COIN_FILE, "data: {", "data: {{", ("unreadable_yaml", COIN_FILE, ""), ["line 4"]),
    "unreadable configuration": (CONFIG_FILE, "[coin, line]", "[coin", ("unreadable_yaml", CONFIG_FILE, ""), ["line 2"]),
    "unknown global key": (CONFIG_FILE, CONFIG, CONFIG + "threshold: {}\n", ("unknown_key", CONFIG_FILE, "threshold"), ["'thresholds'"]),
    "unknown experiment": (CONFIG_FILE, "[coin,", "[coins,", ("unknown_name", CONFIG_FILE, "experiments"), [CONFIG_FILE, "'experiments'", "config/experiments/coins.yaml", "'coin'"]),
    "data of no experiment": (CONFIG_FILE, CONFIG, CONFIG + "override: {data: {coins: {tails: 3}}}\n", ("unknown_name", CONFIG_FILE, "override.data"), [CONFIG_FILE, "'override.data'", "'coins'", "'coin'"]),
    "unknown figure": (COIN_FILE, "[loss,", "[los,", ("unknown_name", COIN_FILE, "figures"), [COIN_FILE, "'figures'", "'los'", "'loss'", "verdicts"]),
    "figure of what the experiment has not": (COIN_FILE, "[loss,", "[sbc,", ("needs_sbc", COIN_FILE, "figures"), ["'sbc'"]),
    "unknown notebook": (COIN_FILE, "figures:", "notebooks: [experimental]\nfigures:", ("unknown_name", COIN_FILE, "notebooks"), [COIN_FILE, "'notebooks'", "experimental", "'experiment'"]),
    "start at an unknown experiment": (COIN_FILE, "figures:", "autoguides: {mine: {class: AutoNormal, start: {experiment: lines}}}\nfigures:", ("unknown_name", COIN_FILE, "autoguides.mine.start.experiment"), ["'lines'", "'line'"]),
    "unknown optimiser": (COIN_FILE, "figures:", "optimizer: adam\nfigures:", ("bad_optimizer", COIN_FILE, "optimizer"), ["'adam'", "'Adam'"]),
    "unknown problem": (LINE_FILE, LINE_PROBLEM, "coins", ("unknown_name", LINE_FILE, "problem"), [LINE_FILE, "'problem'", "'coins'", "'coin'"]),
    "missing problem file": (LINE_FILE, "own_model/line.py", "own_model/lines.py", ("no_file", LINE_FILE, "problem"), [LINE_FILE, "'problem'", "'examples/own_model/lines.py'"]),
    "problem that is none": (LINE_PROBLEM, "PROBLEM =", "PROBLEM = 3\nOTHER =", ("input", "", ""), [LINE_PROBLEM, "PROBLEM is a int"]),
    "missing data file": (COIN_FILE, "data:", "data_files: [tosses.csv]\ndata:", ("no_file", COIN_FILE, "data_files[0]"), ["config/experiments/tosses.csv", "tosses.csv"]),
    "problem file that raises": (LINE_PROBLEM, "PROBLEM =", "raise ValueError('on purpose')\nPROBLEM =", ("input", "", ""), [LINE_PROBLEM, "ValueError: on purpose"]),
    "problem file that is no Python": (LINE_PROBLEM, "def simulate", "def simulate(", ("input", "", ""), [LINE_PROBLEM, "line"]),
    "calibration of an improper prior": (LINE_PROBLEM, "dist.Normal(0.0, 1.0)", IMPROPER, ("not_simulated", LINE_FILE, "sbc.wide"), ["'line'", "'mean'"]),
}  # fmt: skip
"""A mistake: file, its text, what takes its place; code, file and key of the problem; what the message names."""


IMPORTED = ("problem that is none", "problem file that raises", "calibration of an improper prior", "unknown optimiser")  # fmt: skip
"""Mistakes that show in a process with JAX, such as when the problem file is imported."""


def slow_if_imported(what):
    return pytest.param(what, marks=pytest.mark.slow if what in IMPORTED else ())


@pytest.mark.parametrize("what", [slow_if_imported(what) for what in BAD])
def test_bad_input_is_refused(what, without_results, monkeypatch):
    """By the functions that the workflow calls first."""
    file, old, new, (code, where, key), words = BAD[what]
    without_results.edit(file, old, new)
    monkeypatch.chdir(without_results.path)
    forget_files()
    with pytest.raises(InputError) as error:
        load(read_yaml(CONFIG_FILE), without_results.path).specs  # noqa: B018
    problem = error.value.problems[0]
    assert (problem.code, problem.key) == (code, key)
    assert problem.file.endswith(where)
    for word in words:
        assert word in problem.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["unknown guide", "unreadable configuration", "problem that is none"]
)
def test_bad_input_starts_no_job(what, without_results):
    file, old, new, (_, where, key), words = BAD[what]
    without_results.edit(file, old, new)
    process = without_results.snakemake("--cores", "1")
    assert process.returncode != 0
    assert "The run cannot start" in process.stdout
    for word in [where, key, *words]:
        assert word in process.stdout
    assert "Traceback" not in process.stdout
    assert "Job stats" not in process.stdout
    assert not without_results.exists("results/coin/data.nc")
    assert not without_results.exists("results/line/data.nc")


@pytest.mark.slow
def test_the_same_files_without_mistakes_can_run(without_results):
    assert without_results.read(LINE_FILE) == LINE
    assert without_results.planned("results/line/data.nc") == {"line/data"}
