"""An experiment is written out as cells, and its names are checked against its problem."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from coin_file import GOOD, INFO, SBC, SINGLE, replaced

from svi_atlas.configuration.models import Override
from svi_atlas.guide_traits import FAMILIES

ADAM = {"name": "Adam", "options": {}}


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
        "schedules": ("constant",),
        "seeds": (1, 2, 3),
        "num_steps": 100,
        "until_arrived": False,
        "num_draws": 4000,
        "num_mock": 0,
        "optimizer": ADAM,
        "loss": "Trace_ELBO",
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
        "schedules": ("constant",),
        "seeds": (7,),
        "num_steps": 100,
        "until_arrived": False,
        "num_draws": 4000,
        "num_mock": 0,
        "optimizer": ADAM,
        "loss": "Trace_ELBO",
    }


def test_a_block_and_a_fit_may_have_settings_of_their_own(planned):
    text = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: 7\n    optimizer: ClippedAdam")
    fit = replaced(SINGLE, "seed: 7", "seed: 7, num_steps: 8, num_draws: 500, num_mock: 9")
    grid, single = planned(text + fit).cells[0], planned(text + fit).cells[-1]
    assert (grid.num_steps, grid.optimizer) == (7, {"name": "ClippedAdam", "options": {}})
    assert (single.num_steps, single.num_draws, single.num_mock) == (8, 500, 9)
    assert single.optimizer == ADAM


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
    assert all(cell.optimizer == ADAM for cell in experiment.cells)
    assert (experiment.num_snapshots, experiment.max_stored_mb) == (1000, 64.0)
    assert (experiment.heavy, experiment.gpu, experiment.study) == (False, False, None)
    assert (experiment.figures, experiment.notebooks) == (
        ("posterior", "loss", "verdicts"),
        ("experiment",),
    )
    assert experiment.data == {"heads": 12, "tails": 8}


def test_a_labelled_autoguide_is_a_guide(planned):
    text = replaced(GOOD, "[beta, AutoNormal]", "[mine]")
    options = "autoguides: {mine: {class: AutoIAFNormal, options: {num_flows: 2}}}\n"
    experiment = planned(text + options)
    assert {cell.guide for cell in experiment.cells} == {"mine"}
    assert experiment.autoguides == {
        "mine": {
            "class": "AutoIAFNormal",
            "options": {"num_flows": 2},
            "whitened": False,
            "start": "uniform",
        }
    }
    plain = planned(text + "autoguides: {mine: {class: AutoNormal}}\n").autoguides
    assert plain["mine"]["options"] == {}


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("median", "median"),
        ("laplace", "laplace"),
        ("{value: {latent_fairness: 0.5}}", {"value": {"latent_fairness": 0.5}}),
        ("{value: {latent_fairness: [[1, 2]]}}", {"value": {"latent_fairness": [[1, 2]]}}),
        ("{experiment: other}", {"experiment": "other"}),
    ],
)
def test_an_autoguide_may_be_whitened_and_start_elsewhere(planned, written, start):
    text = replaced(GOOD, "[beta, AutoNormal]", "[mine]")
    entry = f"class: AutoMultivariateNormal, whitened: true, start: {written}"
    (guide,) = planned(f"{text}autoguides: {{mine: {{{entry}}}}}\n").autoguides.values()
    assert (guide["whitened"], guide["start"]) == (True, start)


def test_every_family_of_a_search_can_be_whitened(planned):
    for name in FAMILIES:
        entry = f"autoguides: {{mine: {{class: {name}, whitened: true}}}}\n"
        assert planned(GOOD + entry).autoguides["mine"]["class"] == name


def test_schedules_are_combined_with_step_sizes_in_an_order_of_their_own(planned):
    orders = [
        planned(replaced(GOOD, "seeds: 3", f"seeds: 3\n    schedules: [{names}]")).cells
        for names in ("halved, cosine, constant", "constant, halved, cosine")
    ]
    assert orders[0] == orders[1]
    assert orders[0][0].schedules == ("constant", "cosine", "halved")


def test_a_fit_and_a_refit_may_have_a_schedule(planned):
    text = GOOD + replaced(SINGLE, "seed: 7", "seed: 7, schedule: exponential")
    experiment = planned(text + replaced(SBC, "0.01}", "0.01, schedule: warmup_cosine}"))
    assert experiment.cells[-1].schedules == ("exponential",)
    assert experiment.sbc[0].schedule == "warmup_cosine"


def test_the_options_of_an_optimiser(planned):
    momentum = "optimizer: {name: Momentum, options: {mass: 0.9}}"
    text = replaced(GOOD, "seeds: 3", f"seeds: 3\n    {momentum}")
    (cell, *_), plain = planned(text).cells, planned(GOOD + "optimizer: {name: Adam}\n").cells
    assert cell.optimizer == {"name": "Momentum", "options": {"mass": 0.9}}
    assert plain == planned(GOOD).cells


def test_steps_until_arrived(planned):
    block = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: {at_most: 70}")
    fit = replaced(SINGLE, "seed: 7", "seed: 7, num_steps: {at_most: 80}")
    steps = [(cell.num_steps, cell.until_arrived) for cell in planned(block + fit).cells]
    assert steps == [(70, True)] * 4 + [(80, True)]
    whole = planned(replaced(GOOD, "num_steps: 100", "num_steps: {at_most: 90}") + SINGLE).cells
    assert {(cell.num_steps, cell.until_arrived) for cell in whole} == {(90, True)}


WITHOUT_GRID = GOOD[: GOOD.index("grid:")]


def test_an_experiment_without_grid_is_searched(planned):
    cells = planned(WITHOUT_GRID).cells
    assert [cell.guide for cell in cells] == [
        "AutoDiagonalNormal",
        "AutoMultivariateNormal",
        "AutoIAFNormal",
        "AutoBNAFNormal",
    ]
    assert vars(cells[1]) == {
        "experiment": "tiny",
        "model": "headstails",
        "guide": "AutoMultivariateNormal",
        "block": "search",
        "label": "search",
        "seeds": tuple(range(1, 21)),
        "budget": 400000,
        "num_draws": 4000,
        "optimizer": ADAM,
        "loss": "Trace_ELBO",
        "cheaper": ("AutoDiagonalNormal",),
    }
    assert cells == planned(WITHOUT_GRID + "search: {}\n").cells
    assert planned(WITHOUT_GRID + SINGLE).cells[1:] == cells


def test_a_search_beside_a_grid_comes_last(planned):
    search = "search: {budget: 1000, seeds: [5, 3], guides: [AutoIAFNormal, AutoDiagonalNormal]}\n"
    *fits, cheap, expressive = planned(GOOD + SINGLE + search).cells
    assert tuple(fits) == planned(GOOD + SINGLE).cells
    assert [cheap.guide, expressive.guide] == ["AutoDiagonalNormal", "AutoIAFNormal"]
    assert [cheap.cheaper, expressive.cheaper] == [(), ("AutoDiagonalNormal",)]
    assert (cheap.budget, cheap.seeds) == (1000, (3, 5))


def test_a_search_of_some_models(planned):
    two = replace(INFO, models=("headstails", "other"))
    assert [cell.model for cell in planned(WITHOUT_GRID, info=two).cells] == (
        ["headstails"] * 4 + ["other"] * 4
    )
    some = planned(WITHOUT_GRID + "search: {models: [other]}\n", info=two).cells
    assert {cell.model for cell in some} == {"other"}


def test_the_cells_can_be_told_apart_in_sets(planned):
    cells = planned(GOOD + SINGLE + "search: {}\n").cells
    assert len(set(cells)) == len(cells)


def test_nuts_beside_the_fits(planned):
    assert planned(GOOD).nuts == ()
    (run,) = planned(GOOD + "nuts: {seeds: 3, budgets: [500, 100]}\n").nuts
    assert vars(run) == {"model": "headstails", "seeds": (1, 2, 3), "budgets": (100, 500)}
    (run,) = planned(GOOD + "nuts: {models: [headstails]}\n").nuts
    assert (len(run.seeds), run.budgets[-1]) == (32, 1_000_000)


def test_override_of_nuts(planned):
    text = GOOD + "nuts: {budgets: [100, 500, 1000]}\n"
    (run,) = planned(text, override=Override(seeds=2, budget=400)).nuts
    assert (run.seeds, run.budgets) == ((1, 2), (100, 400))


def test_override_of_a_search(planned):
    override = Override(num_steps=40, seeds=2, num_draws=200, budget=500)
    for text in (WITHOUT_GRID, WITHOUT_GRID + "search: {budget: 7, seeds: 30}\n"):
        for cell in planned(text, override).cells:
            assert (cell.budget, cell.seeds, cell.num_draws) == (500, (1, 2), 200)


def test_override_of_the_limit_of_steps(planned):
    text = replaced(GOOD, "seeds: 3", "seeds: 3\n    num_steps: {at_most: 70}")
    text = replaced(text, "num_steps: 100", "num_steps: {at_most: 90}")
    fits = planned(text + SINGLE + SBC, Override(num_steps=40))
    assert {(cell.num_steps, cell.until_arrived) for cell in fits.cells} == {(40, True)}
    assert fits.sbc[0].num_steps == 40


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
        "schedule": "constant",
        "num_steps": 100,
        "simulations": 400,
        "num_draws": 4000,
        "optimizer": ADAM,
        "loss": "Trace_ELBO",
    }
    assert experiment.figures == ("posterior", "loss", "verdicts", "sbc")
    assert planned(GOOD + SBC + "figures: [sbc, loss]\n").figures == ("sbc", "loss")
    assert planned(GOOD).figures == ("posterior", "loss", "verdicts")
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
    "unknown schedule": (GOOD, "seeds: 3", "seeds: 3\n    schedules: [cosin]", "unknown_name", "grid[0]"),
    "unknown schedule of a single fit": (GOOD + SINGLE, "seed: 7", "seed: 7, schedule: half", "unknown_name", "single.tutorial"),
    "unknown schedule of a refit": (GOOD + SBC, "0.01}", "0.01, schedule: half}", "unknown_name", "sbc.good"),
    "unknown model of NUTS": (GOOD, "num_steps: 100", "nuts: {models: [tails]}", "unknown_name", "nuts"),
    "unknown model of a search": (GOOD, "num_steps: 100", "search: {models: [tails]}", "unknown_name", "search"),
    "whitened mean field": (GOOD, "num_steps: 100", "autoguides: {mine: {class: AutoNormal, whitened: true}}", "cannot_be_whitened", "autoguides.mine.whitened"),
    "a whitened point": (GOOD, "num_steps: 100", "autoguides: {mine: {class: AutoLaplaceApproximation, whitened: true}}", "cannot_be_whitened", "autoguides.mine.whitened"),
    "a start at nothing": (GOOD, "num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {}}}", "one_of_two", "autoguides.mine.start"),
    "a start at two places": (GOOD, "num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {value: {x: 1}, experiment: b}}}", "one_of_two", "autoguides.mine.start"),
    "a start at a word": (GOOD, "num_steps: 100", "autoguides: {mine: {class: AutoNormal, start: {value: {x: [1, a]}}}}", "wrong_type", "autoguides.mine.start.value.x"),
    "refits without a number of steps": (GOOD + SBC, "num_steps: 100", "num_steps: {at_most: 100}", "fixed_steps", "sbc.good"),
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


@pytest.mark.parametrize(
    "entry", ["whitened: true", "start: laplace", "start: {experiment: other}"]
)
def test_refits_start_at_nothing_that_depends_on_the_data(refused, planned, entry):
    text = GOOD + replaced(SBC, "guide: beta", "guide: mine")
    guide = "autoguides: {mine: {class: AutoDiagonalNormal, "
    (problem,) = refused(f"{text}{guide}{entry}}}}}\n").problems
    assert (problem.code, problem.key) == ("not_for_refits", "sbc.good")
    assert planned(f"{text}{guide}start: median}}}}\n").sbc[0].guide == "mine"


AT_VALUE = (
    replaced(GOOD, "[beta, AutoNormal]", "[mine]")
    + "autoguides: {mine: {class: AutoNormal, start: {value: {latent_fairnes: 0.5}}}}\n"
)


def test_a_start_at_the_value_of_an_unknown_site(refused, planned):
    (problem,) = refused(AT_VALUE).problems
    assert (problem.code, problem.key) == (
        "unknown_name",
        "autoguides.mine.start.value.latent_fairnes",
    )
    assert "unknown site 'latent_fairnes' (did you mean 'latent_fairness'?)" in problem.text
    planned(AT_VALUE, info=replace(INFO, sites={}))


def test_a_study_names_its_list_of_posteriors(planned):
    study = planned(GOOD + "study: {posteriors: list.csv, sha256: ab12, also: [other]}\n").study
    assert study == {"posteriors": "list.csv", "sha256": "ab12", "also": ["other"]}


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
