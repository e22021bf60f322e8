"""What the user writes is checked at the edge: each message names file, key and what is allowed."""

import json
from dataclasses import replace

import pytest

from svi_atlas import problems
from svi_atlas.configuration.experiment import (
    ProblemInfo,
    load_config,
    plan_experiment,
    read_experiment,
)
from svi_atlas.configuration.schema import read_yaml
from svi_atlas.errors import InputError
from svi_atlas.planning import run as plan

COIN = problems.load("coin")
CATALOGUE = ProblemInfo(tuple(COIN.models), tuple(COIN.guides), COIN.data_schema)

GOOD = """\
title: A coin
problem: coin
data: {heads: 12, tails: 8}
num_steps: 100
grid:
  - guides: [beta, AutoNormal]
    num_particles: [1, 8]
    step_sizes: [1e-3, 0.01]
    seeds: 3
"""


@pytest.fixture
def planned(tmp_path):
    """Plans an experiment from its text."""

    def plan_text(text, override=None, catalogue=CATALOGUE):
        path = tmp_path / "tiny.yaml"
        path.write_text(text)
        raw = read_experiment(path, override or {})
        return plan_experiment("tiny", path, raw, catalogue)

    return plan_text


def test_a_grid_is_written_out_as_cells(planned):
    experiment = planned(GOOD)
    cells = {(cell.guide, cell.label): cell for cell in experiment.cells}
    assert set(cells) == {
        (guide, f"particles-{number}") for guide in ("beta", "AutoNormal") for number in (1, 8)
    }
    cell = cells["beta", "particles-8"]
    assert cell.model == "headstails"
    assert cell.num_particles == 8
    assert cell.step_sizes == (0.001, 0.01)
    assert cell.seeds == (1, 2, 3)
    assert cell.num_steps == 100


def test_a_named_fit_is_a_cell_of_its_own(planned):
    named = "named:\n  origin: {guide: beta, num_particles: 1, step_size: 5e-4, seed: 7}\n"
    (cell,) = (cell for cell in planned(GOOD + named).cells if cell.label == "origin")
    assert (cell.seeds, cell.step_sizes, cell.num_particles) == ((7,), (0.0005,), 1)


def test_order_and_spelling_of_numbers_do_not_count(planned):
    same = GOOD.replace("[1e-3, 0.01]", "[1.0e-2, 0.001]").replace("seeds: 3", "seeds: [3, 1, 2]")
    assert planned(same).cells == planned(GOOD).cells
    ones = planned(GOOD.replace("[1e-3, 0.01]", "[1]")).cells
    assert ones == planned(GOOD.replace("[1e-3, 0.01]", "[1.0]")).cells
    assert json.dumps(ones[0].step_sizes) == "[1.0]"


def test_defaults_are_filled_in(planned):
    experiment = planned(GOOD)
    assert {cell.optimizer for cell in experiment.cells} == {"Adam"}
    assert experiment.num_snapshots == 1000
    assert experiment.heavy is False


def test_override_replaces_steps_and_seeds(planned):
    named = (
        "named:\n  origin: {guide: beta, num_particles: 1, step_size: 5e-4, seed: 7, "
        "num_steps: 9000}\n"
    )
    experiment = planned(GOOD + named, {"num_steps": 40, "seeds": 2, "num_draws": 200})
    assert {cell.num_steps for cell in experiment.cells} == {40}
    assert {cell.num_draws for cell in experiment.cells} == {200}
    assert {cell.seeds for cell in experiment.cells} == {(1, 2), (7,)}


def test_override_replaces_data_of_one_experiment(planned):
    assert planned(GOOD, {"data": {"tiny": {"tails": 3}}}).data == {"heads": 12, "tails": 3}
    assert planned(GOOD, {"data": {"other": {"tails": 3}}}).data == {"heads": 12, "tails": 8}


def test_truth_values_from_the_command_line_are_words():
    config = load_config({"experiments": ["coin"], "strict": "true", "allow_cpu": "false"})
    assert (config.strict, config.allow_cpu) == (True, False)


CALIBRATION = """\
sbc:
  good: {guide: beta, num_particles: 1, step_size: 0.01}
"""


def test_calibration_is_written_out_with_its_figure(planned):
    experiment = planned(GOOD + CALIBRATION)
    (entry,) = experiment.calibrations
    assert (entry.name, entry.model, entry.guide) == ("good", "headstails", "beta")
    assert (entry.num_steps, entry.simulations, entry.num_draws) == (100, 400, 4000)
    assert experiment.figures == ("loss", "verdicts", "calibration")
    assert planned(GOOD).figures == ("loss", "verdicts")
    assert planned(GOOD).calibrations == ()
    assert planned(GOOD).cells == experiment.cells


def test_override_replaces_steps_and_draws_of_the_calibration(planned):
    text = GOOD + CALIBRATION.replace("0.01}", "0.01, num_steps: 9000, num_draws: 9000}")
    (entry,) = planned(text, {"num_steps": 40, "num_draws": 200}).calibrations
    assert (entry.num_steps, entry.num_draws) == (40, 200)


BAD_CALIBRATION = {
    "unknown guide": (("guide: beta", "guide: betta"), ["'sbc.good'", "unknown guide 'betta'", "did you mean 'beta'"]),
    "unknown model": (("{guide", "{model: tails, guide"), ["'sbc.good'", "unknown model 'tails'"]),
    "unknown key": (("{guide", "{guides: beta, guide"), ["'sbc.good'", "unknown key 'guides'", "simulations"]),
    "missing key": ((", step_size: 0.01", ""), ["'sbc.good'", "missing key 'step_size'"]),
    "too few simulations": (("0.01}", "0.01, simulations: 3}"), ["'sbc.good.simulations'", "at least 20"]),
    "a name with a slash": (("good", "a/b"), ["a/b"]),
    "the same twice": (("good: {", "again: {guide: beta, num_particles: 1, step_size: 0.01}\n  good: {"), ["'sbc.good'", "same as 'sbc.again'"]),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_CALIBRATION)
def test_bad_calibration(what, planned):
    (old, new), words = BAD_CALIBRATION[what]
    with pytest.raises(InputError) as error:
        planned(GOOD + CALIBRATION.replace(old, new, 1))
    for word in ["tiny.yaml", *words]:
        assert word in str(error.value)


def test_calibration_of_a_model_without_data_to_draw(planned):
    unfit = replace(CATALOGUE, not_simulated={"headstails": "the prior of site 'f' is improper"})
    with pytest.raises(
        InputError, match=r"'calibration\.good'.*'headstails': the prior of site 'f'"
    ):
        planned(GOOD + CALIBRATION, catalogue=unfit)


def test_the_figure_of_the_calibration_needs_one(planned):
    with pytest.raises(InputError, match="needs the key 'calibration'"):
        planned(GOOD + "figures: [calibration]\n")


BAD = {
    "unknown key": (("num_steps", "num_stepz"), ["unknown key 'num_stepz'", "did you mean 'num_steps'", "allowed keys are", "optimizer"]),
    "unknown key in the grid": (("    seeds: 3", "    seeds: 3\n    seed: 4"), ["'grid[0]'", "unknown key 'seed'", "seeds"]),
    "missing key": (("title: A coin\n", ""), ["missing key 'title'"]),
    "unknown guide": (("[beta, AutoNormal]", "[betta]"), ["'grid[0]'", "unknown guide 'betta'", "did you mean 'beta'", "truncated_normal", "AutoNormal"]),
    "unknown autoguide": (("[beta, AutoNormal]", "[AutoNormall]"), ["unknown guide 'AutoNormall'", "did you mean 'AutoNormal'"]),
    "unknown model": (("  - guides", "  - models: [tails]\n    guides"), ["unknown model 'tails'", "allowed are headstails"]),
    "step size 0": (("[1e-3, 0.01]", "[0]"), ["'grid[0].step_sizes[0]'", "greater than 0", "found 0"]),
    "negative step size": (("[1e-3, 0.01]", "[0.1, -1e-3]"), ["'grid[0].step_sizes[1]'", "greater than 0", "found -0.001"]),
    "step size that is text": (("[1e-3, 0.01]", "[1e-3x]"), ["'grid[0].step_sizes[0]'", "type number", "'1e-3x'"]),
    "infinite step size": (("[1e-3, 0.01]", "[.inf]"), ["'grid[0].step_sizes[0]'"]),
    "undefined step size": (("[1e-3, 0.01]", "[.nan]"), ["'grid[0].step_sizes[0]'"]),
    "zero particles": (("[1, 8]", "[0]"), ["'grid[0].num_particles[0]'", "at least 1", "found 0"]),
    "half a particle": (("[1, 8]", "[1.5]"), ["'grid[0].num_particles[0]'", "type integer"]),
    "a truth for particles": (("[1, 8]", "[true]"), ["'grid[0].num_particles[0]'", "type integer"]),
    "duplicate seeds": (("seeds: 3", "seeds: [1, 2, 1]"), ["'grid[0].seeds'", "twice"]),
    "negative seed": (("seeds: 3", "seeds: [-1]"), ["'grid[0].seeds[0]'", "at least 0"]),
    "no seeds": (("seeds: 3", "seeds: 0"), ["'grid[0].seeds'", "at least 1"]),
    "duplicate step sizes": (("[1e-3, 0.01]", "[0.01, 1e-2]"), ["'grid[0].step_sizes'", "twice"]),
    "negative count": (("heads: 12", "heads: -1"), ["'data.heads'", "at least 0", "found -1"]),
    "half a count": (("tails: 8", "tails: half"), ["'data.tails'", "type integer"]),
    "unknown data": (("tails: 8", "tails: 8, edges: 1"), ["'data'", "unknown key 'edges'", "heads"]),
    "no data": (("data: {heads: 12, tails: 8}", "data: {}"), ["'data'"]),
    "empty grid": (("  - guides: [beta, AutoNormal]\n    num_particles: [1, 8]\n    step_sizes: [1e-3, 0.01]\n    seeds: 3\n", "  []\n"), ["'grid'", "at least 1 entry"]),
    "no guides": (("[beta, AutoNormal]", "[]"), ["'grid[0].guides'", "at least 1 entry"]),
    "no step sizes": (("[1e-3, 0.01]", "[]"), ["'grid[0].step_sizes'", "at least 1 entry"]),
    "zero steps": (("num_steps: 100", "num_steps: 0"), ["'num_steps'", "at least 1"]),
    "unknown optimizer": (("num_steps: 100", "optimizer: SGD"), ["'optimizer'", "Adam, ClippedAdam"]),
    "a cell twice": (("[beta, AutoNormal]", "[beta]\n    num_particles: [1]\n    step_sizes: [0.1]\n    seeds: 1\n  - guides: [beta]"), ["'grid[1]'", "already in another block"]),
    "a label that is a guide": (("num_steps: 100", "autoguides: {beta: {class: AutoNormal}}"), ["'autoguides.beta'", "already the name of a guide"]),
    "a label of no autoguide": (("num_steps: 100", "autoguides: {mine: {class: AutoDais}}"), ["'autoguides.mine.class'", "unknown autoguide 'AutoDais'", "AutoIAFNormal"]),
    "a named fit like a cell": (("num_steps: 100", "single: {particles-1: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1}}"), ["particles-1"]),
    "not a mapping": ((GOOD, "- a\n- b\n"), ["a mapping of keys to values is expected"]),
    "unreadable": (("grid:", "grid: [}"), ["line 5", "not readable as YAML"]),
    "a key twice": (("num_steps: 100", "num_steps: 100\nnum_steps: 200"), ["not readable as YAML", "num_steps"]),
    "not text": ((GOOD, "\x00\x01"), ["not readable as YAML"]),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_experiment(what, planned):
    (old, new), words = BAD[what]
    assert GOOD.count(old) == 1
    with pytest.raises(InputError) as error:
        planned(GOOD.replace(old, new))
    message = str(error.value)
    assert "tiny.yaml" in message
    for word in words:
        assert word in message


def test_all_mistakes_are_listed_at_once(planned):
    text = GOOD.replace("[1, 8]", "[0]").replace("[1e-3, 0.01]", "[-1]").replace("title", "titel")
    with pytest.raises(InputError) as error:
        planned(text)
    message = str(error.value)
    for word in ("num_particles[0]", "step_sizes[0]", "'titel'"):
        assert word in message
    assert len(message.splitlines()) >= 3


def test_an_experiment_file_that_is_absent(tmp_path):
    with pytest.raises(InputError, match=r"absent\.yaml: no such file"):
        read_experiment(tmp_path / "absent.yaml", {})


def test_yaml_1_2_numbers(tmp_path):
    path = tmp_path / "numbers.yaml"
    path.write_text("a: 1e-4\nb: 1E3\nc: no\n")
    assert read_yaml(path) == {"a": 1e-4, "b": 1000.0, "c": "no"}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"experiment": ["coin"]}, ["unknown key 'experiment'", "did you mean 'experiments'"]),
        ({}, ["missing key 'experiments'"]),
        ({"experiments": []}, ["'experiments'", "at least 1 entry"]),
        ({"experiments": ["coin", "coin"]}, ["'experiments'", "twice"]),
        ({"experiments": ["../x"]}, ["'experiments[0]'", "pattern"]),
        ({"experiments": "coin"}, ["'experiments'", "type array"]),
        ({"experiments": ["coin"], "thresholds": {"rhatt": 1.2}}, ["'thresholds'", "did you mean 'rhat'"]),
        ({"experiments": ["coin"], "thresholds": {"rhat": 0.9}}, ["'thresholds.rhat'", "at least 1"]),
        ({"experiments": ["coin"], "strict": "yes"}, ["'strict'", "type boolean"]),
        ({"experiments": ["coin"], "results": ""}, ["'results'", "not be empty"]),
        ({"experiments": ["coin"], "override": {"num_steps": 0}}, ["'override.num_steps'", "at least 1"]),
        (None, ["a mapping of keys"]),
    ],
)  # fmt: skip
def test_bad_configuration(value, words):
    with pytest.raises(InputError) as error:
        load_config(value)
    for word in ["config/config.yaml", *words]:
        assert word in str(error.value)


def test_thresholds_are_numbers_however_they_are_written():
    one = load_config({"experiments": ["coin"], "thresholds": {"ess": 30}}).thresholds
    two = load_config({"experiments": ["coin"], "thresholds": {"ess": 30.0}}).thresholds
    assert one == two
    assert json.dumps(one) == json.dumps(two)


def test_unknown_problem():
    with pytest.raises(InputError) as error:
        plan.problem_file("coyn", "config/experiments/tiny.yaml")
    for word in ("tiny.yaml", "'problem'", "'coyn'", "did you mean 'coin'", "path of a .py file"):
        assert word in str(error.value)


def test_absent_problem_file():
    with pytest.raises(InputError) as error:
        plan.problem_file("mine/absent.py", "config/experiments/tiny.yaml")
    for word in ("tiny.yaml", "'problem'", "no such file 'mine/absent.py'", "relative to"):
        assert word in str(error.value)


USER = """\
import numpyro
import numpyro.distributions as dist
from svi_atlas.records import Problem

def model(data):
    numpyro.sample("x", dist.Normal(0.0, 1.0))

"""


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("", ["must define PROBLEM", "has no PROBLEM"]),
        ("PROBLEM = {}", ["PROBLEM is a dict"]),
        ("PROBLEM = Problem('a', 'b', print, {}, {})", ["models is empty"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': 1}, {})", ["models['m'] is not a function"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': model}, {'g': 2})", ["guides['g'] is not"]),
        ("raise ValueError('no such luck')", ["ValueError: no such luck"]),
    ],
)
def test_a_problem_file_that_is_none(tmp_path, end, words):
    path = tmp_path / "mine.py"
    path.write_text(USER + end + "\n")
    with pytest.raises(InputError) as error:
        problems.load(str(path))
    for word in ["mine.py", *words]:
        assert word in str(error.value)


def test_a_users_problem_is_loaded_with_the_modules_beside_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("NAME = 'from beside'\n")
    path = tmp_path / "mine.py"
    end = "import beside_it\nPROBLEM = Problem(beside_it.NAME, 'b', print, {'m': model}, {})\n"
    path.write_text(USER + end)
    assert problems.load(str(path)).name == "from beside"
