"""Every edit reruns exactly what it must.

What an edit of the sources reruns is worked out from the specs before and after it; that Snakemake
does the same is tested with some of these edits, and with all that leave traces elsewhere.
"""

import pytest
from edits import IN_SOURCES, LINE_FILE, WITH_TRACES
from expected_jobs import INDEX, analyses, everything, fits
from reruns import jobs_to_rerun

from support import CONFIG, Plan, plans

ALSO_WITH_SNAKEMAKE = (
    "seed_added",
    "particles_added",
    "engine",
    "threshold",
    "analyses_of_one_experiment",
    "figure_removed",
    "guide_removed",
    "experiment_removed",
)


@pytest.fixture(scope="module")
def before(unfinished):
    return unfinished.plan()


OF_PROBLEMS = (
    "one_guide_of_a_users_problem",
    "module_beside_a_users_problem",
    "one_guide_of_a_built_in_problem",
)
"""Edits after which planning imports the problem, in a process with JAX."""


def slow_if_imported(edit):
    return pytest.param(edit, marks=pytest.mark.slow if edit in OF_PROBLEMS else ())


@pytest.fixture(scope="module")
def edited(unfinished, tmp_path_factory, request):
    """The jobs that each edit under test says it reruns, and the plan after it; planned all at once."""
    folder = tmp_path_factory.mktemp("edits")
    selected = [item.callspec.params["edit"] for item in request.session.items if is_edit(item)]
    projects = {edit: unfinished.copy(folder / edit) for edit in selected}
    expected = [IN_SOURCES[edit](project) for edit, project in projects.items()]
    after = plans(list(projects.values()))
    return dict(zip(projects, zip(expected, after, strict=True), strict=True))


def is_edit(item):
    return getattr(item, "originalname", None) == "test_edit_of_the_sources"


@pytest.mark.parametrize("edit", [slow_if_imported(edit) for edit in IN_SOURCES])
def test_edit_of_the_sources(edit, before, edited):
    expected, after = edited[edit]
    assert jobs_to_rerun(before, after) == expected


@pytest.mark.slow
@pytest.mark.parametrize("edit", ALSO_WITH_SNAKEMAKE)
def test_snakemake_agrees_with_the_specs(edit, before, project):
    IN_SOURCES[edit](project)
    assert project.planned() == jobs_to_rerun(before, project.plan())


@pytest.mark.slow
@pytest.mark.parametrize("edit", WITH_TRACES)
def test_edit_that_leaves_traces(edit, project):
    expected = WITH_TRACES[edit](project)
    assert project.planned() == expected


def test_a_new_project_runs_everything(before):
    assert jobs_to_rerun(Plan({}, []), before) == everything("coin") | everything("line")


@pytest.mark.slow
def test_a_fresh_clone_runs_everything(without_results):
    assert without_results.planned() == everything("coin") | everything("line")


@pytest.mark.slow
def test_a_heavy_experiment_runs_only_when_asked_for(without_results):
    project = without_results
    project.edit(LINE_FILE, "problem:", "heavy: true\nproblem:")
    assert project.planned() == everything("coin")
    of_line = everything("line") - INDEX - analyses("line", {"general.index"})
    assert project.planned("heavy") == of_line | {"check-verification"}
    assert project.planned("results/report/line.html") <= of_line


@pytest.mark.slow
def test_the_run_made_what_it_promises(finished):
    for name in ("index", "coin", "line"):
        assert finished.exists(f"results/report/{name}.html")
    assert finished.exists("results/coin/fits.csv")


@pytest.mark.slow
def test_a_second_run_does_nothing(project):
    assert "Nothing to be done" in project.run()


@pytest.mark.slow
def test_a_changed_threshold_is_applied_without_fitting(project):
    project.write("config/config.yaml", CONFIG + "thresholds: {ess: 0.5}\n")
    before = project.read("results/coin/fits.csv")
    assert "2 of 2 steps" in project.run("results/coin/fits.csv", "results/line/fits.csv")
    assert project.read("results/coin/fits.csv") != before
    planned = project.planned()
    assert not {job for job in planned if "table" in job or "diagnose" in job}
    assert not (fits("coin") | fits("line")) & planned


@pytest.mark.slow
def test_results_of_a_removed_guide_are_listed_and_cleaned(project):
    project.edit(LINE_FILE, "[wide, AutoNormal]", "[wide]")
    output = project.run("results/line/fits.csv")
    removed = "results/line/fits/line/AutoNormal/particles-1.nc"
    assert "belong to nothing in the configuration" in output
    assert "`snakemake clean_stale` removes them" in output
    assert "results/line/diagnostics/line/AutoNormal/particles-1.parquet" in output
    assert "AutoNormal" not in project.read("results/line/fits.csv")
    assert project.exists(removed)
    asked = project.snakemake("--dry-run", "--", removed)
    assert asked.returncode != 0
    assert "the current configuration has no such cell, figure or page" in asked.stdout
    assert "belong to nothing in the configuration" not in project.run("clean_stale")
    assert not project.exists(removed)
    assert project.exists("results/line/fits/line/wide/particles-1.nc")
    assert project.exists("results/coin/fits.csv")
    assert not fits("line") & project.planned()
