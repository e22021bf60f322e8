"""An experiment is written out as cells, and its names are checked against its problem."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from coin_file import GOOD, INFO, SBC, SINGLE, replaced

from svi_atlas.configuration.models import Override


def test_a_grid_is_written_out_as_cells(planned):
    cells = planned(GOOD).cells
    assert [(cell.guide, cell.label) for cell in cells] == [
        ("beta", "particles-1"),
        ("beta", "particles-8"),
        ("AutoNormal", "particles-1"),
        ("AutoNormal", "particles-8"),
    ]
    assert vars(cells[1]) == {
        "experiment": "tiny",
        "model": "headstails",
        "guide": "beta",
        "block": "grid",
        "label": "particles-8",
        "num_particles": 8,
        "step_sizes": (0.001, 0.01),
        "seeds": (1, 2, 3),
        "num_steps": 100,
        "num_draws": 4000,
        "num_mock": 0,
        "optimizer": "Adam",
    }


def test_a_single_fit_is_a_cell_of_its_own(planned):
    *_, cell = planned(GOOD + SINGLE).cells
    assert vars(cell) == {
        "experiment": "tiny",
        "model": "headstails",
        "guide": "beta",
        "block": "single",
        "label": "tutorial",
        "num_particles": 1,
        "step_sizes": (0.0005,),
        "seeds": (7,),
        "num_steps": 100,
        "num_draws": 4000,
        "num_mock": 0,
        "optimizer": "Adam",
    }


def test_a_block_and_a_fit_may_have_settings_of_their_own(planned):
    text = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: 7\n    optimizer: ClippedAdam")
    fit = replaced(SINGLE, "seed: 7", "seed: 7, num_steps: 8, num_draws: 500, num_mock: 9")
    grid, single = planned(text + fit).cells[0], planned(text + fit).cells[-1]
    assert (grid.num_steps, grid.optimizer) == (7, "ClippedAdam")
    assert (single.num_steps, single.num_draws, single.num_mock) == (8, 500, 9)
    assert single.optimizer == "Adam"


def test_every_model_is_fitted_unless_a_block_names_some(planned):
    two = replace(INFO, models=("headstails", "other"))
    assert {cell.model for cell in planned(GOOD, info=two).cells} == {"headstails", "other"}
    text = replaced(GOOD, "  - guides", "  - models: [other]\n    guides")
    assert {cell.model for cell in planned(text, info=two).cells} == {"other"}


def test_order_and_spelling_of_numbers_do_not_count(planned):
    same = GOOD.replace("[1e-3, 0.01]", "[1.0e-2, 0.001]").replace("seeds: 3", "seeds: [3, 1, 2]")
    assert planned(same).cells == planned(GOOD).cells
    ones = planned(GOOD.replace("[1e-3, 0.01]", "[1]")).cells
    assert ones == planned(GOOD.replace("[1e-3, 0.01]", "[1.0]")).cells
    assert json.dumps(ones[0].step_sizes) == "[1.0]"


def test_defaults_are_filled_in(planned):
    experiment = planned(GOOD)
    assert {cell.optimizer for cell in experiment.cells} == {"Adam"}
    assert (experiment.num_snapshots, experiment.max_stored_mb) == (1000, 64.0)
    assert (experiment.heavy, experiment.gpu, experiment.study) == (False, False, None)
    assert (experiment.figures, experiment.notebooks) == (("loss", "verdicts"), ("experiment",))
    assert experiment.data == {"heads": 12, "tails": 8}


def test_a_labelled_autoguide_is_a_guide(planned):
    text = replaced(GOOD, "[beta, AutoNormal]", "[mine]")
    options = "autoguides: {mine: {class: AutoIAFNormal, options: {num_flows: 2}}}\n"
    experiment = planned(text + options)
    assert {cell.guide for cell in experiment.cells} == {"mine"}
    assert experiment.autoguides == {
        "mine": {"class": "AutoIAFNormal", "options": {"num_flows": 2}}
    }
    plain = planned(text + "autoguides: {mine: {class: AutoNormal}}\n").autoguides
    assert plain == {"mine": {"class": "AutoNormal", "options": {}}}


def test_override_replaces_steps_seeds_and_draws(planned):
    block = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: 7")
    fit = replaced(SINGLE, "seed: 7", "seed: 7, num_steps: 9000, num_draws: 9000")
    override = Override(num_steps=40, seeds=2, num_draws=200, num_snapshots=20, max_stored_mb=2)
    experiment = planned(block + fit, override)
    assert {cell.num_steps for cell in experiment.cells} == {40}
    assert {cell.num_draws for cell in experiment.cells} == {200}
    assert {cell.seeds for cell in experiment.cells} == {(1, 2), (7,)}
    assert (experiment.num_snapshots, experiment.max_stored_mb) == (20, 2.0)


def test_an_override_of_seeds_alone_keeps_the_steps(planned):
    block = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: 7")
    cells = planned(block + SINGLE, Override(seeds=[5, 4])).cells
    assert [(cell.seeds, cell.num_steps) for cell in cells[-2:]] == [((4, 5), 7), ((7,), 100)]


def test_override_replaces_data_of_one_experiment(planned):
    changed = planned(GOOD, Override(data={"tiny": {"tails": 3}})).data
    assert changed == {"heads": 12, "tails": 3}
    assert planned(GOOD, Override(data={"other": {"tails": 3}})).data == {"heads": 12, "tails": 8}


def test_refits_are_written_out_with_their_figure(planned):
    experiment = planned(GOOD + SBC)
    (refit,) = experiment.sbc
    assert vars(refit) == {
        "experiment": "tiny",
        "name": "good",
        "model": "headstails",
        "guide": "beta",
        "num_particles": 1,
        "step_size": 0.01,
        "num_steps": 100,
        "simulations": 400,
        "num_draws": 4000,
        "optimizer": "Adam",
    }
    assert experiment.figures == ("loss", "verdicts", "sbc")
    assert planned(GOOD + SBC + "figures: [sbc, loss]\n").figures == ("sbc", "loss")
    assert planned(GOOD).figures == ("loss", "verdicts")
    assert planned(GOOD).sbc == ()
    assert planned(GOOD).cells == experiment.cells


def test_override_replaces_steps_and_draws_of_refits(planned):
    text = GOOD + SBC.replace("0.01}", "0.01, num_steps: 9000, num_draws: 9000}")
    (refit,) = planned(text, Override(num_steps=40, num_draws=200)).sbc
    assert (refit.num_steps, refit.num_draws) == (40, 200)


TWO_BLOCKS = (
    "[beta]\n    num_particles: [1]\n    step_sizes: [0.1]\n    seeds: 1\n  - guides: [beta]"
)
SAME_REFIT = "again: {guide: beta, num_particles: 1, step_size: 0.01}\n  good: {"

BAD = {
    "unknown guide": (GOOD, "[beta, AutoNormal]", "[betta]", "unknown_name", "grid[0]"),
    "unknown autoguide": (GOOD, "[beta, AutoNormal]", "[AutoNormall]", "unknown_name", "grid[0]"),
    "unknown model": (GOOD, "  - guides", "  - models: [tails]\n    guides", "unknown_name", "grid[0]"),
    "a cell twice": (GOOD, "[beta, AutoNormal]", TWO_BLOCKS, "duplicate_cell", "grid[1]"),
    "a label that is a guide": (GOOD, "num_steps: 100", "autoguides: {beta: {class: AutoNormal}}", "name_taken", "autoguides.beta"),
    "a label that is an autoguide": (GOOD, "num_steps: 100", "autoguides: {AutoNormal: {class: AutoNormal}}", "name_taken", "autoguides.AutoNormal"),
    "unknown guide of a single fit": (GOOD + SINGLE, "guide: beta", "guide: betta", "unknown_name", "single.tutorial"),
    "unknown model of a single fit": (GOOD + SINGLE, "{guide", "{model: tails, guide", "unknown_name", "single.tutorial"),
    "unknown guide of a refit": (GOOD + SBC, "guide: beta", "guide: betta", "unknown_name", "sbc.good"),
    "unknown model of a refit": (GOOD + SBC, "{guide", "{model: tails, guide", "unknown_name", "sbc.good"),
    "the same refit twice": (GOOD + SBC, "good: {", SAME_REFIT, "duplicate_refit", "sbc.good"),
    "a figure of refits without any": (GOOD, "num_steps: 100", "figures: [sbc]", "needs_sbc", "figures"),
    "a study without optima": (GOOD, "num_steps: 100", "study: {tuning: [headstails], held_out: [tails]}", "no_optimum", "study"),
    "a negative count": (GOOD, "heads: 12", "heads: -1", "too_small", "data.heads"),
    "half a count": (GOOD, "tails: 8", "tails: half", "wrong_type", "data.tails"),
    "unknown data": (GOOD, "tails: 8", "tails: 8, edges: 1", "unknown_key", "data.edges"),
    "no heads": (GOOD, "heads: 12, ", "", "missing_key", "data.heads"),
    "no data": (GOOD, "{heads: 12, tails: 8}", "{}", "too_few", "data"),
    "infinite data": (GOOD, "tails: 8", "tails: .inf", "not_finite", "data.tails"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_bad_names(what, refused):
    text, old, new, code, key = BAD[what]
    problems = {
        (problem.code, problem.key) for problem in refused(replaced(text, old, new)).problems
    }
    assert (code, key) in problems


def test_all_bad_names_are_listed_at_once(refused):
    text = replaced(GOOD, "[beta, AutoNormal]", "[betta, gamma]") + replaced(SINGLE, "beta", "bta")
    keys = [(problem.code, problem.key) for problem in refused(text).problems]
    assert keys == [("unknown_name", "grid[0]")] * 2 + [("unknown_name", "single.tutorial")]


@pytest.mark.parametrize(("text", "key"), [(SINGLE, "single.tutorial"), (SBC, "sbc.good")])
def test_of_several_models_one_must_be_named(refused, planned, text, key):
    two = replace(INFO, models=("headstails", "other"))
    (problem,) = refused(GOOD + text, info=two).problems
    assert (problem.code, problem.key) == ("missing_key", f"{key}.model")
    assert "headstails, other" in problem.text
    experiment = planned(GOOD + replaced(text, "{guide", "{model: other, guide"), info=two)
    assert {entry.model for entry in (*experiment.cells, *experiment.sbc)} >= {"other"}


def test_refits_of_a_model_without_data_to_draw(refused):
    improper = replace(INFO, not_simulated={"headstails": "the prior of site 'f' is improper"})
    (problem,) = refused(GOOD + SBC, info=improper).problems
    assert (problem.code, problem.key) == ("not_simulated", "sbc.good")
    assert "'headstails': the prior of site 'f' is improper" in problem.text


STUDY = replace(INFO, models=("headstails", "other"), has_optimum=True)


def test_a_study_names_its_models(planned):
    text = GOOD + "study: {tuning: [other], held_out: [headstails]}\n"
    assert planned(text, info=STUDY).study == {"tuning": ["other"], "held_out": ["headstails"]}


@pytest.mark.parametrize(
    ("study", "code", "key"),
    [
        ("{tuning: [other], held_out: [tails]}", "unknown_name", "study.held_out"),
        ("{tuning: [tails], held_out: [other]}", "unknown_name", "study.tuning"),
        ("{tuning: [other], held_out: [other]}", "in_both_splits", "study"),
    ],
)
def test_bad_studies(refused, study, code, key):
    (problem,) = refused(f"{GOOD}study: {study}\n", info=STUDY).problems
    assert (problem.code, problem.key) == (code, key)


def test_planning_needs_no_jax():
    code = (
        "import sys, svi_atlas.configuration.load, svi_atlas.configuration.cells; "
        "import svi_atlas.configuration.reference; "
        "sys.exit('jax' in sys.modules or 'numpyro' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_smaller_number_of_draws_makes_fewer_mock_data_sets(planned):
    text = GOOD + (
        "single:\n  tutorial: {guide: beta, num_particles: 1, step_size: 5e-4, seed: 7, "
        "num_draws: 1000, num_mock: 500}\n"
    )
    for override, num_mock in (({}, 500), ({"num_draws": 200}, 200)):
        cells = planned(text, Override(**override)).cells
        (cell,) = (cell for cell in cells if cell.label == "tutorial")
        assert cell.num_mock == num_mock
