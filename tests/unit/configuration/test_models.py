"""The files' models: defaults, strictness, and what they refuse, by code and key."""

import copy
import datetime
import json

import pytest
from coin_file import GOOD, SBC, SINGLE, replaced
from pydantic import ValidationError

from svi_atlas.configuration.experiment_models import ExperimentFile
from svi_atlas.configuration.load import load_config, load_expected
from svi_atlas.configuration.model_check import checked
from svi_atlas.configuration.models import Thresholds
from svi_atlas.errors import InputError


def config_problems(value):
    with pytest.raises(InputError) as error:
        load_config(value)
    assert {problem.file for problem in error.value.problems} == {"config/config.yaml"}
    return {(problem.code, problem.key) for problem in error.value.problems}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"experiment": ["coin"]}, {("unknown_key", "experiment"), ("missing_key", "experiments")}),
        ({}, {("missing_key", "experiments")}),
        ({"experiments": []}, {("too_few", "experiments")}),
        ({"experiments": ["coin", "coin"]}, {("not_unique", "experiments")}),
        ({"experiments": ["../x"]}, {("wrong_pattern", "experiments[0]")}),
        ({"experiments": "coin"}, {("wrong_type", "experiments")}),
        ({"experiments": ["coin"], "thresholds": {"rhatt": 1.2}}, {("unknown_key", "thresholds.rhatt")}),
        ({"experiments": ["coin"], "thresholds": {"rhat": 0.9}}, {("too_small", "thresholds.rhat")}),
        ({"experiments": ["coin"], "thresholds": {"rhat": "1.2"}}, {("wrong_type", "thresholds.rhat")}),
        ({"experiments": ["coin"], "thresholds": {"rhat": True}}, {("wrong_type", "thresholds.rhat")}),
        ({"experiments": ["coin"], "thresholds": {"rhat": float("inf")}}, {("not_finite", "thresholds.rhat")}),
        ({"experiments": ["coin"], "thresholds": {"khat": float("nan")}}, {("not_finite", "thresholds.khat")}),
        ({"experiments": ["coin"], "thresholds": {"nonfinite": 2}}, {("too_large", "thresholds.nonfinite")}),
        ({"experiments": ["coin"], "thresholds": {"sd_ratio": 0}}, {("too_small", "thresholds.sd_ratio")}),
        ({"experiments": ["coin"], "thresholds": None}, {("wrong_type", "thresholds")}),
        ({"experiments": ["coin"], "strict": "yes"}, {("wrong_type", "strict")}),
        ({"experiments": ["coin"], "strict": 1}, {("wrong_type", "strict")}),
        ({"experiments": ["coin"], "results": ""}, {("empty", "results")}),
        ({"experiments": ["coin"], "override": {"num_steps": 0}}, {("too_small", "override.num_steps")}),
        ({"experiments": ["coin"], "override": {"num_steps": None}}, {("wrong_type", "override.num_steps")}),
        ({"experiments": ["coin"], "override": {"num_draws": 99}}, {("too_small", "override.num_draws")}),
        ({"experiments": ["coin"], "override": {"budget": 0}}, {("too_small", "override.budget")}),
        ({"experiments": ["coin"], "override": {"seeds": []}}, {("too_few", "override.seeds")}),
        ({"experiments": ["coin"], "override": {"data": {"coin": 3}}}, {("wrong_type", "override.data.coin")}),
        ({"experiments": ["coin"], "override": {"data": {"coin": {"a": [float("inf")]}}}}, {("not_finite", "override.data.coin.a[0]")}),
        (None, {("wrong_type", "")}),
    ],
)  # fmt: skip
def test_bad_configuration(value, expected):
    assert config_problems(value) == expected


def test_defaults_of_the_configuration():
    config = load_config({"experiments": ["coin"], "results": "results/mine/"})
    assert list(config.experiments) == ["coin"]
    assert (config.results, config.strict, config.allow_cpu) == ("results/mine", False, False)
    assert config.override.data == {}
    assert config.override.seeds is None


@pytest.mark.parametrize(("word", "value"), [("true", True), ("false", False), (True, True)])
def test_truth_values_from_the_command_line_are_words(word, value):
    config = load_config({"experiments": ["coin"], "strict": word, "allow_cpu": word})
    assert (config.strict, config.allow_cpu) == (value, value)


def test_in_an_experiment_a_word_is_no_truth_value(refused):
    (problem,) = refused(GOOD + 'heavy: "true"\n').problems
    assert (problem.code, problem.key) == ("wrong_type", "heavy")


def test_thresholds_are_numbers_however_they_are_written():
    thresholds = [
        load_config({"experiments": ["coin"], "thresholds": {"ess": ess}}).thresholds.model_dump()
        for ess in (30, 30.0)
    ]
    assert thresholds[0] == thresholds[1]
    assert json.dumps(thresholds[0]) == json.dumps(thresholds[1])
    assert {type(value) for value in Thresholds().model_dump().values()} == {float}


def test_a_model_cannot_be_changed():
    with pytest.raises(ValidationError):
        Thresholds().rhat = 2.0


BAD = {
    "unknown key": ("num_steps", "num_stepz", "unknown_key", "num_stepz"),
    "unknown key in the grid": ("    seeds: 3", "    seeds: 3\n    seed: 4", "unknown_key", "grid[0].seed"),
    "missing key": ("title: A coin\n", "", "missing_key", "title"),
    "missing key in the grid": ("    seeds: 3\n", "", "missing_key", "grid[0].seeds"),
    "no title": ("A coin", '""', "empty", "title"),
    "step size 0": ("[1e-3, 0.01]", "[0]", "too_small", "grid[0].step_sizes[0]"),
    "negative step size": ("[1e-3, 0.01]", "[0.1, -1e-3]", "too_small", "grid[0].step_sizes[1]"),
    "step size that is text": ("[1e-3, 0.01]", "[1e-3x]", "wrong_type", "grid[0].step_sizes[0]"),
    "step size in quotes": ("[1e-3, 0.01]", '["0.1"]', "wrong_type", "grid[0].step_sizes[0]"),
    "a truth for a step size": ("[1e-3, 0.01]", "[true]", "wrong_type", "grid[0].step_sizes[0]"),
    "infinite step size": ("[1e-3, 0.01]", "[.inf]", "not_finite", "grid[0].step_sizes[0]"),
    "undefined step size": ("[1e-3, 0.01]", "[.nan]", "not_finite", "grid[0].step_sizes[0]"),
    "step size that is no list": ("[1e-3, 0.01]", "0.1", "wrong_type", "grid[0].step_sizes"),
    "zero particles": ("[1, 8]", "[0]", "too_small", "grid[0].num_particles[0]"),
    "half a particle": ("[1, 8]", "[1.5]", "wrong_type", "grid[0].num_particles[0]"),
    "a truth for particles": ("[1, 8]", "[true]", "wrong_type", "grid[0].num_particles[0]"),
    "particles in quotes": ("[1, 8]", '["3"]', "wrong_type", "grid[0].num_particles[0]"),
    "duplicate particles": ("[1, 8]", "[8, 8]", "not_unique", "grid[0].num_particles"),
    "duplicate seeds": ("seeds: 3", "seeds: [1, 2, 1]", "not_unique", "grid[0].seeds"),
    "negative seed": ("seeds: 3", "seeds: [-1]", "too_small", "grid[0].seeds[0]"),
    "huge seed": ("seeds: 3", "seeds: [4294967296]", "too_large", "grid[0].seeds[0]"),
    "no seeds": ("seeds: 3", "seeds: 0", "too_small", "grid[0].seeds"),
    "empty seeds": ("seeds: 3", "seeds: []", "too_few", "grid[0].seeds"),
    "seeds that are text": ("seeds: 3", "seeds: many", "wrong_type", "grid[0].seeds"),
    "a truth for seeds": ("seeds: 3", "seeds: true", "wrong_type", "grid[0].seeds"),
    "a seed that is text": ("seeds: 3", "seeds: [1, x]", "wrong_type", "grid[0].seeds[1]"),
    "null seeds": ("seeds: 3", "seeds:", "wrong_type", "grid[0].seeds"),
    "null models": ("    seeds: 3", "    seeds: 3\n    models:", "wrong_type", "grid[0].models"),
    "duplicate step sizes": ("[1e-3, 0.01]", "[0.01, 1e-2]", "not_unique", "grid[0].step_sizes"),
    "empty grid": (GOOD[GOOD.index("  - guides"):], "  []\n", "too_few", "grid"),
    "no guides": ("[beta, AutoNormal]", "[]", "too_few", "grid[0].guides"),
    "no step sizes": ("[1e-3, 0.01]", "[]", "too_few", "grid[0].step_sizes"),
    "zero steps": ("num_steps: 100", "num_steps: 0", "too_small", "num_steps"),
    "optimizer without a name": ("num_steps: 100", "optimizer: {options: {b1: 0.5}}", "missing_key", "optimizer.name"),
    "optimizer with an empty name": ("num_steps: 100", 'optimizer: ""', "empty", "optimizer"),
    "optimizer that is a number": ("num_steps: 100", "optimizer: 3", "wrong_type", "optimizer"),
    "unknown key of an optimizer": ("num_steps: 100", "optimizer: {name: Adam, b1: 0.5}", "unknown_key", "optimizer.b1"),
    "options of an optimizer that are a list": ("    seeds: 3", "    seeds: 3\n    optimizer: {name: Adam, options: [1]}", "wrong_type", "grid[0].optimizer.options"),
    "an infinite option of an optimizer": ("num_steps: 100", "optimizer: {name: Adam, options: {b1: .inf}}", "not_finite", "optimizer.options.b1"),
    "at most no step": ("num_steps: 100", "num_steps: {at_most: 0}", "too_small", "num_steps.at_most"),
    "at most of nothing": ("num_steps: 100", "num_steps: {}", "missing_key", "num_steps.at_most"),
    "at most in a block": ("    seeds: 3", "    seeds: 3\n    num_steps: {at_most: 1.5}", "wrong_type", "grid[0].num_steps.at_most"),
    "unknown key of a number of steps": ("num_steps: 100", "num_steps: {at_least: 1, at_most: 2}", "unknown_key", "num_steps.at_least"),
    "null steps": ("    seeds: 3", "    seeds: 3\n    num_steps:", "wrong_type", "grid[0].num_steps"),
    "no schedules": ("    seeds: 3", "    seeds: 3\n    schedules: []", "too_few", "grid[0].schedules"),
    "duplicate schedules": ("    seeds: 3", "    seeds: 3\n    schedules: [cosine, cosine]", "not_unique", "grid[0].schedules"),
    "a schedule that is no list": ("    seeds: 3", "    seeds: 3\n    schedules: cosine", "wrong_type", "grid[0].schedules"),
    "whitened in words": ("num_steps: 100", "autoguides: {mine: {class: AutoDiagonalNormal, whitened: 1}}", "wrong_type", "autoguides.mine.whitened"),
    "unknown start": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: middle}}", "not_allowed", "autoguides.mine.start"),
    "a number for a start": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: 0}}", "not_allowed", "autoguides.mine.start"),
    "unknown key of a start": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {values: {x: 1}}}}", "unknown_key", "autoguides.mine.start.values"),
    "values that are no mapping": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {value: 3}}}", "wrong_type", "autoguides.mine.start.value"),
    "an infinite value": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {value: {x: .inf}}}}", "not_finite", "autoguides.mine.start.value.x"),
    "a start at a path": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {experiment: a/b}}}", "wrong_pattern", "autoguides.mine.start.experiment"),
    "no budget": ("num_steps: 100", "search: {budget: 0}", "too_small", "search.budget"),
    "a null search": ("num_steps: 100", "search:", "wrong_type", "search"),
    "a search without families": ("num_steps: 100", "search: {guides: []}", "too_few", "search.guides"),
    "a family twice": ("num_steps: 100", "search: {guides: [AutoIAFNormal, AutoIAFNormal]}", "not_unique", "search.guides"),
    "a search of a guide by hand": ("num_steps: 100", "search: {guides: [beta]}", "not_allowed", "search.guides[0]"),
    "a search of mean fields": ("num_steps: 100", "search: {guides: [AutoNormal]}", "not_allowed", "search.guides[0]"),
    "a single fit called search": ("num_steps: 100", "single: {search: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1}}", "wrong_pattern", "single.search"),
    "few draws": ("num_steps: 100", "num_draws: 99", "too_small", "num_draws"),
    "few snapshots": ("num_steps: 100", "num_snapshots: 19", "too_small", "num_snapshots"),
    "no storage": ("num_steps: 100", "max_stored_mb: 0", "too_small", "max_stored_mb"),
    "figures twice": ("num_steps: 100", "figures: [loss, loss]", "not_unique", "figures"),
    "a figure with a slash": ("num_steps: 100", "figures: [a/b]", "wrong_pattern", "figures[0]"),
    "no notebooks": ("num_steps: 100", "notebooks: []", "too_few", "notebooks"),
    "a label of no autoguide": ("num_steps: 100", "autoguides: {mine: {class: AutoDais}}", "not_allowed", "autoguides.mine.class"),
    "an option that is infinite": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, options: {scale: .inf}}}", "not_finite", "autoguides.mine.options.scale"),
    "data that is no mapping": ("{heads: 12, tails: 8}", "[12, 8]", "wrong_type", "data"),
    "a single fit like a cell": ("num_steps: 100", "single: {particles-1: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1}}", "wrong_pattern", "single.particles-1"),
    "a single fit that is a number": ("num_steps: 100", "single: {mine: 3}", "wrong_type", "single.mine"),
    "no mock data sets": ("num_steps: 100", "single: {mine: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1, num_mock: 0}}", "too_small", "single.mine.num_mock"),
    "half a study": ("num_steps: 100", "study: {posteriors: list.csv}", "missing_key", "study.sha256"),
    "a number for a key": ("num_steps: 100", "1: 2", "unknown_key", "1"),
    "a number for a name": ("num_steps: 100", "single: {1: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1}}", "wrong_type", "single.1"),
    "null for a name": ("num_steps: 100", "single: {null: {guide: beta, num_particles: 1, step_size: 0.1, seed: 1}}", "wrong_type", "single.None"),
    "not a mapping": (GOOD, "- a\n- b\n", "wrong_type", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_experiment(what, refused):
    old, new, code, key = BAD[what]
    (problem,) = refused(replaced(GOOD, old, new)).problems
    assert (problem.code, problem.key) == (code, key)


BAD_SBC = {
    "unknown key": ("{guide", "{guides: beta, guide", "unknown_key", "sbc.good.guides"),
    "missing key": (", step_size: 0.01", "", "missing_key", "sbc.good.step_size"),
    "too few simulations": ("0.01}", "0.01, simulations: 3}", "too_small", "sbc.good.simulations"),
    "a name with a slash": ("good", "a/b", "wrong_pattern", "sbc.a/b"),
    "steps until arrived": (
        "0.01}",
        "0.01, num_steps: {at_most: 9}}",
        "wrong_type",
        "sbc.good.num_steps",
    ),
}


@pytest.mark.parametrize("what", BAD_SBC)
def test_bad_refit(what, refused):
    old, new, code, key = BAD_SBC[what]
    (problem,) = refused(GOOD + replaced(SBC, old, new)).problems
    assert (problem.code, problem.key) == (code, key)


def test_all_mistakes_are_listed_at_once(refused):
    text = GOOD.replace("[1, 8]", "[0]").replace("[1e-3, 0.01]", "[-1]").replace("title", "titel")
    error = refused(text + replaced(SINGLE, "seed: 7", "seed: x"))
    assert {(problem.code, problem.key) for problem in error.problems} == {
        ("unknown_key", "titel"),
        ("missing_key", "title"),
        ("too_small", "grid[0].num_particles[0]"),
        ("too_small", "grid[0].step_sizes[0]"),
        ("wrong_type", "single.tutorial.seed"),
    }
    assert len(str(error).splitlines()) == len(error.problems)


ROW = {
    "name": "a value", "where": {"label": "tutorial", "seed": 1}, "column": "elbo", "expect": 0,
    "tolerance": 0, "kind": "exact", "source": "closed form", "why": "none is allowed",
}  # fmt: skip


@pytest.fixture
def expected_rows(tmp_path):
    """A function that loads a table of expected values with one row."""

    def load(**changes):
        row = {key: value for key, value in (ROW | changes).items() if value is not None}
        path = tmp_path / "coin.yaml"
        path.write_text(json.dumps({"rows": [row]}).replace("Infinity", ".inf"))
        return load_expected(path, "config/expected/coin.yaml")

    return load


def test_expected_values_have_defaults_and_stay_as_written(expected_rows):
    (row,) = expected_rows()
    assert row == {**ROW, "table": "fits", "statistic": "only"}
    assert json.dumps([row["expect"], row["tolerance"]]) == "[0, 0]"
    (row,) = expected_rows(expect=1.5, statistic="median")
    assert (row["expect"], row["statistic"]) == (1.5, "median")
    assert expected_rows(expect="adequate")[0]["expect"] == "adequate"


@pytest.mark.parametrize(
    ("changes", "code", "key"),
    [
        ({"kind": "guessed"}, "not_allowed", "rows[0].kind"),
        ({"tolerance": -1}, "too_small", "rows[0].tolerance"),
        ({"statistics": "mean"}, "unknown_key", "rows[0].statistics"),
        ({"where": {}}, "too_few", "rows[0].where"),
        ({"expect": True}, "wrong_type", "rows[0].expect"),
        ({"expect": [1]}, "wrong_type", "rows[0].expect"),
        ({"expect": float("inf")}, "not_finite", "rows[0].expect"),
        ({"where": {"seed": float("inf")}}, "not_finite", "rows[0].where.seed"),
        ({"why": None}, "missing_key", "rows[0].why"),
    ],
)
def test_bad_expected_values(expected_rows, changes, code, key):
    with pytest.raises(InputError) as error:
        expected_rows(**changes)
    (problem,) = error.value.problems
    assert problem.file == "config/expected/coin.yaml"
    assert (problem.code, problem.key) == (code, key)


FULL = {
    "title": "A coin", "problem": "coin", "data": {"heads": 12, "tails": 8},
    "study": {"posteriors": "list.csv", "sha256": "ab12", "also": ["b"]},
    "grid": [{"models": ["a"], "guides": ["beta"], "num_particles": [1], "step_sizes": [0.1],
              "seeds": [1], "num_steps": 5, "optimizer": "Adam", "schedules": ["cosine"]}],
    "num_steps": {"at_most": 5}, "optimizer": {"name": "SGD", "options": {"a": 1}},
    "search": {"budget": 10, "seeds": 2, "models": ["a"], "guides": ["AutoIAFNormal"]},
    "single": {"one": {"model": "a", "guide": "beta", "num_particles": 1, "step_size": 0.1,
                       "seed": 1, "num_draws": 100, "num_mock": 1}},
    "sbc": {"good": {"guide": "beta", "num_particles": 1, "step_size": 0.1, "simulations": 20}},
    "autoguides": {"mine": {"class": "AutoNormal", "options": {"a": 1}, "whitened": False,
                            "start": {"value": {"x": [1.0]}}},
                   "other": {"class": "AutoIAFNormal", "start": {"experiment": "coin"}}},
    "figures": ["loss"], "notebooks": ["coin"], "heavy": True, "gpu": False, "max_stored_mb": 1,
}  # fmt: skip
"""Every kind of key of an experiment."""

STRANGE = (
    None, True, 0, -1, 10**30, 0.5, float("inf"), float("nan"), "", "x y", "3", [], [[]], [None],
    [1, 1], {}, {"x": 1}, {1: 2}, {None: None}, datetime.date(2026, 1, 1), {1, 2}, b"x",
)  # fmt: skip
"""Values that YAML can hold."""


def _with_each_place_replaced(value, strange):
    """Copies of `value`, in each of which one place holds something else."""
    yield strange
    if not isinstance(value, dict | list):
        return
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        for changed in _with_each_place_replaced(entry, strange):
            copied = copy.copy(value)
            copied[key] = changed
            yield copied


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_only_our_own_errors_reach_the_user(strange):
    """Whatever stands wherever: it is accepted, or refused by our own messages."""
    for value in _with_each_place_replaced(FULL, strange):
        for problem in _problems_of(value):
            assert problem.text.startswith("mine.yaml: ")
            assert problem.code not in ("invalid", "input"), problem


def _problems_of(value):
    try:
        checked(ExperimentFile, value, "mine.yaml")
    except InputError as error:
        return error.problems
    return ()


def test_an_experiment_with_every_kind_of_key_is_accepted():
    experiment = checked(ExperimentFile, FULL, "mine.yaml")
    assert experiment.autoguides["mine"].class_ == "AutoNormal"
    assert experiment.max_stored_mb == 1.0
