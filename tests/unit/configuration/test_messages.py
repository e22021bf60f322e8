"""Messages name the file, the key, what is allowed and what was found."""

import pickle

import pytest
from coin_file import GOOD, replaced

from svi_atlas.configuration.load import load_config
from svi_atlas.configuration.messages import did_you_mean, key_text, shown
from svi_atlas.errors import InputError, InputProblem, refuse

WORDS = {
    "a bound": ("[1, 8]", "[0]", "key 'grid[0].num_particles[0]': must be at least 1, found 0 (Draws from the guide per estimate of the ELBO.)"),
    "a strict bound": ("[1e-3, 0.01]", "[0]", "key 'grid[0].step_sizes[0]': must be greater than 0, found 0 ("),
    "a large bound": ("seeds: 3", "seeds: [4294967296]", "must be at most 4294967295, found 4294967296"),
    "a type": ("[1, 8]", "[1.5]", "key 'grid[0].num_particles[0]': must be of type integer, found 1.5 ("),
    "a choice of types": ("seeds: 3", "seeds: x", "key 'grid[0].seeds': must be of type integer or list, found 'x' ("),
    "words": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: medain}}", "key 'autoguides.mine.start': must be one of uniform, median, mean, feasible, laplace (did you mean 'median'?), found 'medain' (Where"),
    "a mapping or a number": ("num_steps: 100", "num_steps: many", "key 'num_steps': must be of type integer or mapping, found 'many' ("),
    "a key of a mapping or a number": ("num_steps: 100", "num_steps: {atmost: 3}", "key 'num_steps': unknown key 'atmost' (did you mean 'at_most'?), allowed keys are at_most"),
    "a family": ("num_steps: 100", "search: {guides: [AutoNormal]}", "key 'search.guides[0]': must be one of AutoDiagonalNormal, AutoLowRankMultivariateNormal, "),
    "a schedule": ("seeds: 3", "seeds: 3\n    schedules: [cosin]", "key 'grid[0]': unknown schedule 'cosin' (did you mean 'cosine'?), allowed are constant, cosine, exponential, warmup_cosine, halved"),
    "a whitened mean field": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, whitened: true}}", "AutoNormal cannot be whitened; write AutoDiagonalNormal, which is the same family"),
    "a whitened point": ("num_steps: 100", "autoguides: {mine: {class: AutoLaplaceApproximation, whitened: true}}", "AutoLaplaceApproximation cannot be whitened; those that can are AutoDiagonalNormal, "),
    "a start at a word": ("num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {value: {x: a}}}}", "key 'autoguides.mine.start.value.x': must be a number or a list of numbers, found 'a'"),
    "a fit called search": ("num_steps: 100", "single: {search: {guide: beta, num_particles: 1, step_size: 1, seed: 1}}", "key 'single.search': the name must match the pattern"),
    "an autoguide": ("num_steps: 100", "autoguides: {mine: {class: AutoIAF}}", "did you mean 'AutoIAFNormal'?"),
    "an unknown key": ("num_steps", "num_stepz", "tiny.yaml: unknown key 'num_stepz' (did you mean 'num_steps'?), allowed keys are autoguides, data, data_files, figures, "),
    "an unknown key in the grid": ("    seeds: 3", "    seeds: 3\n    seed: 4", "key 'grid[0]': unknown key 'seed' (did you mean 'seeds'?), allowed keys are guides, "),
    "a missing key": ("title: A coin\n", "", "tiny.yaml: missing key 'title' (One line that names the experiment on its page.)"),
    "an entry twice": ("seeds: 3", "seeds: [1, 1]", "key 'grid[0].seeds': must not list an entry twice, found [1, 1] ("),
    "an empty list": ("[beta, AutoNormal]", "[]", "key 'grid[0].guides': must have at least 1 entry, found [] ("),
    "a name": ("num_steps: 100", "sbc: {a/b: {guide: beta, num_particles: 1, step_size: 1}}", "key 'sbc.a/b': the name must match the pattern ^[a-z][a-z0-9_]*$, found 'a/b'"),
    "a number for a name": ("num_steps: 100", "sbc: {1: {guide: beta, num_particles: 1, step_size: 1}}", "key 'sbc.1': the name must be of type string, found 1 (Simulation-based"),
    "an infinite number": ("[1e-3, 0.01]", "[.inf]", "key 'grid[0].step_sizes[0]': must be a finite number, found inf"),
    "no mapping": (GOOD, "- a\n", "tiny.yaml: a mapping of keys to values is expected, found ['a']"),
    "an unknown guide": ("[beta, AutoNormal]", "[betta]", "key 'grid[0]': unknown guide 'betta' (did you mean 'beta'?), allowed are beta, "),
    "an unknown model": ("  - guides", "  - models: [tails]\n    guides", "unknown model 'tails' (did you mean 'headstails'?), allowed are headstails"),
    "data": ("heads: 12", "heads: -1", "key 'data.heads': must be at least 0, found -1"),
    "unknown data": ("tails: 8", "tails: 8, head: 1", "key 'data': unknown key 'head' (did you mean 'heads'?), allowed keys are fairness, heads, "),
}  # fmt: skip


@pytest.mark.parametrize("what", WORDS)
def test_words(what, refused):
    old, new, words = WORDS[what]
    lines = str(refused(replaced(GOOD, old, new))).splitlines()
    assert any(words in line for line in lines)


RENAMED_IN_EXPERIMENT = {
    "named": ("named: {}", "single"),
    "calibration": ("calibration: {}", "sbc"),
    "budget_mb": ("budget_mb: 64", "max_stored_mb"),
}


@pytest.mark.parametrize("key", RENAMED_IN_EXPERIMENT)
def test_renamed_keys_of_an_experiment(key, refused):
    line, new_name = RENAMED_IN_EXPERIMENT[key]
    (problem,) = refused(f"{GOOD}{line}\n").problems
    assert (problem.code, problem.key) == ("renamed_key", key)
    assert f"is now called {new_name!r}" in problem.text


RENAMED_IN_CONFIG = {
    "override.budget_mb": "max_stored_mb",
    "thresholds.to_go": "elbo_gap",
    "thresholds.support_leak": "outside_support",
    "thresholds.below_evidence": "evidence_violation_z",
    "thresholds.falls_faster": "loss_acceleration_z",
}


@pytest.mark.parametrize("key", RENAMED_IN_CONFIG)
def test_renamed_keys_of_the_configuration(key):
    group, name = key.split(".")
    with pytest.raises(InputError) as error:
        load_config({"experiments": ["coin"], group: {name: 1}}, "mine.yaml")
    (problem,) = error.value.problems
    assert (problem.code, problem.file, problem.key) == ("renamed_key", "mine.yaml", key)
    assert f"is now called {RENAMED_IN_CONFIG[key]!r}" in problem.text


def test_a_name_of_the_users_is_not_a_renamed_key(refused):
    """Only the key itself was renamed, not what a user calls a fit."""
    fit = "single: {named: {guide: beta, num_particles: 1, step_size: 1, seed: 1, budget_mb: 1}}\n"
    (problem,) = refused(GOOD + fit).problems
    assert (problem.code, problem.key) == ("unknown_key", "single.named.budget_mb")


def test_did_you_mean():
    assert did_you_mean("betta", ["alpha", "beta"]) == " (did you mean 'beta'?)"
    assert did_you_mean("xyz", ["alpha", "beta"]) == ""


def test_places_and_values_as_text():
    assert key_text(("grid", 0, "seeds", 2)) == "grid[0].seeds[2]"
    assert key_text(()) == ""
    assert shown("x" * 100) == "'" + "x" * 56 + "..."


def test_an_error_from_a_sentence_has_one_problem():
    error = InputError("it cannot be used")
    assert str(error) == "it cannot be used"
    assert error.problems == (InputProblem("input", "", "", "it cannot be used"),)


def test_an_error_lists_every_problem_and_survives_pickling():
    problems = [InputProblem("code", "file", key, f"file: {key}") for key in "ab"]
    with pytest.raises(InputError) as error:
        refuse(problems)
    assert str(error.value) == "file: a\nfile: b"
    assert pickle.loads(pickle.dumps(error.value)).problems == tuple(problems)
    refuse([])
