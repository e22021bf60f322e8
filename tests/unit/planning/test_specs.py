"""The specs of fits, searches and Laplace approximations name what these jobs read."""

import json
from dataclasses import asdict

import pytest
from coin_experiments import experiment_text

from svi_atlas.configuration.models import Config, Thresholds
from svi_atlas.locations import PROJECT
from svi_atlas.planning.job_spec import canonical_json
from svi_atlas.planning.specs import ExperimentSpecs
from svi_atlas.results.paths import Layout

DATA = "r/tiny/data.nc"
LAPLACE = "r/tiny/laplace.nc"
NOTEBOOKS = {"experiment": PROJECT / "notebooks" / "experiment.py"}


def specs_of(experiment, **settings):
    """The specs of an experiment by path below its folder of specs, as a job reads them."""
    config = Config(experiments=[experiment.name], **settings)
    specs = ExperimentSpecs(config, Layout("r"), experiment, [], "", NOTEBOOKS)
    return {
        path.removeprefix(f"r/{experiment.name}/specs/").removesuffix(".json"): json.loads(
            canonical_json(spec)
        )
        for path, spec in specs
    }


def test_a_plain_fit_reads_the_data_only(planned):
    experiment = planned(experiment_text("beta"))
    specs = specs_of(experiment)
    fit = specs["fit/headstails/beta/particles-8"]
    assert fit["inputs"] == {"data": DATA}
    assert fit["autoguide"] is None
    assert fit["cell"] == json.loads(json.dumps(asdict(experiment.cells[0])))
    assert fit["cell"]["optimizer"] == {"name": "Adam", "options": {}}
    assert fit["cell"]["schedules"] == ["constant"]
    assert not {path for path in specs if path.startswith(("laplace", "search"))}


@pytest.mark.parametrize(
    ("entry", "inputs"),
    [
        ("class: AutoNormal", {"data": DATA}),
        ("class: AutoNormal, start: median", {"data": DATA}),
        ("class: AutoNormal, start: {value: {latent_fairness: 0.5}}", {"data": DATA}),
        ("class: AutoNormal, start: laplace", {"data": DATA, "laplace": LAPLACE}),
        ("class: AutoIAFNormal, whitened: true", {"data": DATA, "laplace": LAPLACE}),
        (
            "class: AutoNormal, start: {experiment: first}",
            {"data": DATA, "start": "r/first/fits/headstails/mine/particles-8.nc"},
        ),
        (
            "class: AutoIAFNormal, whitened: true, start: {experiment: first}",
            {
                "data": DATA,
                "laplace": LAPLACE,
                "start": "r/first/fits/headstails/mine/particles-8.nc",
            },
        ),
    ],
)
def test_a_fit_reads_what_it_starts_from(planned, entry, inputs):
    specs = specs_of(planned(experiment_text("mine", mine=entry)))
    fit = specs["fit/headstails/mine/particles-8"]
    assert fit["inputs"] == inputs
    assert set(fit["autoguide"]) == {"class", "options", "whitened", "start"}
    assert ("laplace" in specs) == ("laplace" in inputs)


def test_laplace_approximations_of_the_models_that_need_one(planned):
    white = "class: AutoDiagonalNormal, whitened: true"
    laplace = specs_of(planned(experiment_text("mine", mine=white)))["laplace"]
    assert laplace["inputs"] == {"data": DATA}
    assert laplace["outputs"] == {"dataset": LAPLACE}
    assert (laplace["problem"], laplace["models"]) == ("coin", ["headstails"])
    assert specs_of(planned(experiment_text()))["laplace"]["models"] == ["headstails", "other"]
    assert "laplace" not in specs_of(planned(experiment_text("beta", unused=white)))


def test_a_search_reads_the_diagnostics_of_the_cheaper_families(planned):
    experiment = planned(experiment_text())
    specs = specs_of(experiment, thresholds=Thresholds(ess=30.0))
    search = specs["search/headstails/AutoIAFNormal"]
    assert search["inputs"] == {
        "data": DATA,
        "laplace": LAPLACE,
        "cheaper": [
            f"r/tiny/diagnostics/headstails/{guide}/search.parquet"
            for guide in ("AutoDiagonalNormal", "AutoMultivariateNormal")
        ],
    }
    assert search["outputs"] == {"dataset": "r/tiny/fits/headstails/AutoIAFNormal/search.nc"}
    assert search["scratch"] == {
        "checkpoint": "r/tiny/checkpoints/headstails/AutoIAFNormal/search.npz",
        "compiled": "r/.compiled",
    }
    assert search["cell"] == json.loads(json.dumps(asdict(experiment.cells[2])))
    assert search["thresholds"] == Thresholds(ess=30.0).model_dump()
    assert (search["problem"], search["num_snapshots"], search["max_stored_mb"]) == (
        "coin",
        1000,
        64.0,
    )
    assert search["gpu"] is False
    assert specs["search/headstails/AutoDiagonalNormal"]["inputs"]["cheaper"] == []
    diagnose = specs["diagnose/headstails/AutoIAFNormal/search"]
    assert diagnose["inputs"]["fits"] == search["outputs"]["dataset"]
    assert len(specs["table"]["inputs"]["diagnostics"]) == len(experiment.cells) == 8


def test_a_threshold_is_part_of_a_search_but_of_no_fit(planned):
    experiment = planned(experiment_text("beta") + "search: {}\n")
    one, other = specs_of(experiment), specs_of(experiment, thresholds=Thresholds(ess=30.0))
    changed = {path for path in one if one[path] != other[path]}
    assert {path.split("/")[0] for path in changed} == {"search", "table"}


def test_the_page_of_a_search_has_a_section_on_it(planned):
    experiment = planned(
        experiment_text("beta") + "search: {guides: [AutoDiagonalNormal], models: [headstails]}\n"
    )
    specs = specs_of(experiment)
    path = "r/tiny/fits/headstails/AutoDiagonalNormal/search.nc"
    analysis = specs["analyse/general.search"]
    assert analysis["inputs"]["searches"] == {"headstails/AutoDiagonalNormal/search": path}
    assert "search" in specs["notebook/experiment"]["sections"]
    without = specs_of(planned(experiment_text("beta")))
    assert "search" not in without["notebook/experiment"]["sections"]
    assert "analyse/general.search" not in without
