"""Where results lie."""

import string

import pytest

from svi_atlas.results.paths import JOBS, RESULTS, Layout, beside_spec, cell_key, cell_of

LAYOUT = Layout("results/smoke")


def test_a_path_is_its_pattern_with_the_wildcards_filled_in():
    values = {"experiment": "coin", "model": "m", "guide": "beta", "label": "particles-8"}
    assert LAYOUT.pattern("fit") == "results/smoke/{experiment}/fits/{model}/{guide}/{label}.nc"
    assert LAYOUT.path("fit", **values) == "results/smoke/coin/fits/m/beta/particles-8.nc"
    assert LAYOUT.path("page", page="index") == "results/smoke/report/index.html"


def test_no_two_kinds_of_results_share_a_path():
    assert len(set(RESULTS.values())) == len(RESULTS)
    filled = {
        pattern.format_map(dict.fromkeys(_wildcards(pattern), "x")) for pattern in RESULTS.values()
    }
    assert len(filled) == len(RESULTS)


def _wildcards(pattern):
    return [name for _, name, _, _ in string.Formatter().parse(pattern) if name]


@pytest.mark.parametrize("stage", JOBS)
def test_a_job_has_its_spec_log_and_costs_in_the_same_places(stage):
    wildcards = dict.fromkeys(_wildcards(LAYOUT.spec(stage)), "x")
    spec = LAYOUT.spec(stage).format(**wildcards)
    assert f"/specs/{stage}" in spec
    assert str(beside_spec(spec, "logs", ".log")) == LAYOUT.log(stage).format(**wildcards)
    assert f"/costs/{stage}" in str(beside_spec(spec, "costs", ".json"))
    owner = "report" if stage == "page" else "x"
    assert spec.startswith(f"results/smoke/{owner}/")


def test_a_folder_called_specs_further_up_is_left_alone():
    path = beside_spec("/specs/results/coin/specs/fit/a.b.json", "costs", ".json")
    assert str(path) == "/specs/results/coin/costs/fit/a.b.json"


@pytest.mark.parametrize("cell", [("m", "beta", "particles-1"), ("a/b", "beta", "tutorial")])
def test_the_name_of_a_cell_tells_its_parts(cell):
    assert cell_of(cell_key(*cell)) == cell
