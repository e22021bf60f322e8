"""The table of edits: what is edited, and exactly the jobs that a dry run then lists.

A dry run brings the spec files up to date as a real run does, so that editing and taking back
again is judged with them.
"""

import os
import shutil
import subprocess
import time

import pytest

from support import (
    COIN,
    INDEX,
    LINE,
    Project,
    after_diagnoses,
    after_fits,
    diagnoses,
    everything,
    figures,
    fits,
    page,
)


def test_a_fresh_clone_runs_everything_in_every_stage(tmp_path):
    assert Project.make(tmp_path / "new").planned() == everything("coin") | everything("line")


def test_the_run_made_what_it_promises(finished):
    for name in ("index", "coin", "line"):
        assert finished.exists(f"results/report/{name}.html")
    assert finished.exists("results/coin/fits.csv")


def test_a_second_run_does_nothing(project):
    started = time.monotonic()
    assert "Nothing to be done" in project.run()
    assert time.monotonic() - started < 60


SOURCES = ("Snakefile", "config", "notebooks", "profiles", "workflow", "mine", "envs")


def sources(project):
    for name in SOURCES:
        path = project.path / name
        yield from (
            [path] if path.is_file() else (file for file in path.rglob("*") if file.is_file())
        )


def test_touching_every_source_reruns_nothing(project):
    now = time.time()
    for path in sources(project):
        os.utime(path, (now, now))
    assert project.planned() == set()


def test_a_clone_with_copied_results_reruns_nothing(finished, tmp_path):
    # Everything is copied file by file: all times are new, and in no order.
    shutil.copytree(finished.path, tmp_path / "clone", copy_function=shutil.copyfile)
    assert Project(tmp_path / "clone").planned() == set()


def test_a_clone_with_results_but_without_snakemakes_memory_reruns_nothing(project, tmp_path):
    shutil.rmtree(project.path / ".snakemake")
    now = time.time()
    for path in sources(project):
        os.utime(path, (now, now))
    assert project.planned() == set()


def git(project, *arguments):
    name = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *arguments], cwd=project.path, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_git_checkout_and_back(project):
    git(project, "init", "-q", "-b", "main")
    git(project, "add", *SOURCES)
    git(project, "commit", "-q", "-m", "one")
    git(project, "checkout", "-q", "-b", "other")
    project.edit("workflow/svi_atlas/engine.py", "CHUNKS = 20", "CHUNKS = 10")
    project.edit("config/experiments/coin.yaml", "num_steps: 200", "num_steps: 300")
    git(project, "commit", "-q", "-a", "-m", "two")
    assert fits("coin") | fits("line") <= project.planned()
    git(project, "checkout", "-q", "main")
    assert project.planned() == set()


def test_comments_docstrings_key_order_and_formatting_rerun_nothing(project):
    engine = "workflow/svi_atlas/engine.py"
    project.write(engine, "# A comment.\n" + project.read(engine) + "\n\n# Another.\n")
    project.edit(engine, '"""All fits of a cell;', '"""Every fit of a cell;')
    project.edit(engine, "CHUNKS = 20\n", "CHUNKS = (\n    20  # parts\n)\n")
    project.edit("mine/line.py", "dist.Normal(0.0, 1.0)", "dist.Normal( 0.0,1.0 )")
    lines = COIN.splitlines()
    assert lines[-1].startswith("figures")
    reordered = "\n".join([lines[-1], "# a comment", lines[1], lines[0], *lines[2:-1]]) + "\n"
    reordered = reordered.replace("[0.003, 0.01]", "\n      - 1e-2\n      - 3.0e-3")
    reordered = reordered.replace("{heads: 12, tails: 8}", "{tails: 8, heads: 12}")
    project.write("config/experiments/coin.yaml", reordered)
    assert project.planned() == set()


def test_defaults_written_out_rerun_nothing(project):
    project.edit(
        "config/experiments/line.yaml",
        "num_steps: 200",
        "num_steps: 200\noptimizer: Adam\nheavy: false",
    )
    project.write("config/config.yaml", "experiments: [coin, line]\nthresholds: {rhat: 1.10}\n")
    assert project.planned() == set()


def test_code_that_plans_and_checks_reruns_nothing(project):
    project.edit("workflow/svi_atlas/schema.py", "must be at least", "has to be at least")
    project.edit("workflow/svi_atlas/settings.py", "choose another", "choose another name")
    project.edit("workflow/svi_atlas/plan.py", "give a path relative", "write a path relative")
    project.edit("workflow/svi_atlas/cli.py", '"error: {error}"', '"Error: {error}"')
    assert project.planned() == set()


def test_another_problem_reruns_nothing(project):
    project.write(
        "workflow/svi_atlas/problems/another.py",
        project.read("mine/line.py").replace("from line_helper import START", "START = 1.0"),
    )
    assert project.planned() == set()


COIN_GRID = {"normal, particles-8"}


def test_a_seed_added(project):
    project.edit("config/experiments/coin.yaml", "seeds: 2", "seeds: 3")
    assert project.planned() == after_fits("coin", COIN_GRID)


def test_a_step_size_added(project):
    project.edit("config/experiments/coin.yaml", "[0.003, 0.01]", "[0.003, 0.01, 0.02]")
    assert project.planned() == after_fits("coin", COIN_GRID)


def test_two_values_swapped(project):
    project.edit("config/experiments/coin.yaml", "{heads: 12, tails: 8}", "{heads: 8, tails: 12}")
    assert project.planned() == everything("coin")


def test_particles_added_fit_only_the_new_cells(project):
    project.edit("config/experiments/line.yaml", "[1]", "[1, 2]")
    new = {"fit wide to line", "fit AutoNormal to line", "diagnose wide on line"}
    new = {f"line: {words}, particles-2" for words in (*new, "diagnose AutoNormal on line")}
    assert project.planned() == new | after_diagnoses("line")


def test_one_named_fit_changed(project):
    project.edit("config/experiments/coin.yaml", "seed: 3", "seed: 4")
    assert project.planned() == after_fits("coin", {"normal, single"})


def test_one_guide_of_a_users_problem_changed(project):
    project.edit("mine/line.py", '"scale", 1.0', '"scale", 1.5')
    assert project.planned() == everything("line")


def test_a_module_beside_a_users_problem_changed(project):
    project.edit("mine/line_helper.py", "0.0", "0.5")
    assert project.planned() == everything("line")


def test_one_guide_of_a_built_in_problem_changed(project):
    project.edit("workflow/svi_atlas/problems/coin.py", '"sd", 0.1', '"sd", 0.12')
    assert project.planned() == everything("coin")


def test_engine_changed(project):
    project.edit("workflow/svi_atlas/engine.py", "AVERAGE_SHARE = 0.25", "AVERAGE_SHARE = 0.5")
    assert project.planned() == after_fits("coin") | after_fits("line")


def test_pinned_version_changed(project):
    lock = project.read("envs/cpu.txt")
    start = lock.index("\nscipy==") + len("\nscipy==")
    end = start + len(lock[start:].split()[0])
    project.write("envs/cpu.txt", lock[:start] + "9.9.9" + lock[end:])
    planned = project.planned()
    assert everything("coin") <= planned
    assert not fits("line") & planned


def test_diagnostics_changed(project):
    project.edit(
        "workflow/svi_atlas/diagnostics/finite.py", "TAIL_SHARE = 0.05", "TAIL_SHARE = 0.1"
    )
    both = diagnoses("coin") | diagnoses("line") | after_diagnoses("coin", "line")
    assert project.planned() == both


def test_threshold_changed(project):
    project.write("config/config.yaml", "experiments: [coin, line]\nthresholds: {ess: 0.5}\n")
    assert project.planned() == after_diagnoses("coin", "line")
    tables = ("results/coin/fits.csv", "results/line/fits.csv")
    before = project.read("results/coin/fits.csv")
    assert "2 of 2 steps" in project.run(*tables)
    assert project.read("results/coin/fits.csv") != before
    planned = project.planned()
    assert not any("fit " in job or "table" in job for job in planned)
    assert planned <= after_diagnoses("coin", "line")


def test_figure_changed(project):
    loss = "workflow/svi_atlas/plots/loss.py"
    project.write(loss, project.read(loss) + "\nEXTRA = 1\n")
    assert project.planned() == figures("coin", {"loss"})
    verdicts = "workflow/svi_atlas/plots/verdicts.py"
    project.write(verdicts, project.read(verdicts) + "\nEXTRA = 1\n")
    assert project.planned() == figures("coin") | figures("line")


def test_figure_removed(project):
    project.edit("config/experiments/coin.yaml", "[loss, verdicts]", "[verdicts]")
    assert project.planned() == page("coin")


def test_notebook_changed(project):
    notebook = "notebooks/experiment.py"
    project.write(notebook, project.read(notebook) + "\n# %% [markdown]\n# More text.\n")
    assert project.planned() == page("coin") | page("line")
    notebook = "notebooks/index.py"
    project.write(notebook, project.read(notebook) + "\n# %% [markdown]\n# More text.\n")
    assert project.planned() == page("coin") | page("line") | INDEX


def test_expected_value_changed(project):
    project.edit("config/expected/coin.yaml", "tolerance: 0.15", "tolerance: 0.2")
    comparison = {"coin: comparison with published and exact values"}
    assert project.planned() == comparison | page("coin") | INDEX


def test_title_changed(project):
    project.edit("config/experiments/line.yaml", "A user's own problem", "A line")
    assert project.planned() == page("line") | INDEX


def test_guide_removed_from_a_grid(project):
    project.edit("config/experiments/line.yaml", "[wide, AutoNormal]", "[wide]")
    assert project.planned() == after_diagnoses("line")
    output = project.run("results/line/fits.csv")
    removed = "results/line/fits/line/AutoNormal/particles-1.nc"
    assert "are stale" in output
    assert "clean_stale" in output
    assert "results/line/diagnostics/line/AutoNormal/particles-1.parquet" in output
    assert "AutoNormal" not in project.read("results/line/fits.csv")
    assert project.exists(removed)
    kept = ("results/line/fits/line/wide/particles-1.nc", "results/coin/fits.csv")
    assert "are stale" not in project.run("clean_stale")
    assert not project.exists(removed)
    assert all(project.exists(name) for name in kept)
    assert not fits("line") & project.planned()


def test_guide_removed_and_added_again(project):
    project.edit("config/experiments/line.yaml", "[wide, AutoNormal]", "[wide]")
    assert project.planned() == after_diagnoses("line")
    project.write("config/experiments/line.yaml", LINE)
    assert project.planned() == set()


def test_experiment_removed_and_added_again(project):
    project.write("config/config.yaml", "experiments: [coin]\n")
    assert project.planned() == INDEX
    project.write("config/config.yaml", "experiments: [coin, line]\n")
    assert project.planned() == set()


def test_without_snakemakes_memory_nothing_reruns(project):
    shutil.rmtree(project.path / ".snakemake")
    assert project.planned() == set()


@pytest.mark.parametrize("change", ["seed", "engine", "figure", "swap"])
def test_without_snakemakes_memory_exactly_what_changed_reruns(project, change):
    shutil.rmtree(project.path / ".snakemake")
    if change == "seed":
        project.edit("config/experiments/coin.yaml", "seeds: 2", "seeds: 3")
        assert project.planned() == after_fits("coin", COIN_GRID)
    elif change == "engine":
        project.edit("workflow/svi_atlas/engine.py", "AVERAGE_SHARE = 0.25", "AVERAGE_SHARE = 0.5")
        assert project.planned() == after_fits("coin") | after_fits("line")
    elif change == "figure":
        loss = "workflow/svi_atlas/plots/loss.py"
        project.write(loss, project.read(loss) + "\nEXTRA = 1\n")
        assert project.planned() == figures("coin", {"loss"})
    else:
        project.edit("config/experiments/coin.yaml", "heads: 12, tails: 8", "heads: 8, tails: 12")
        assert project.planned() == everything("coin")


def test_a_deleted_page_is_made_again(project):
    (project.path / "results/report/line.html").unlink()
    assert project.planned() == {"report: page line"}
