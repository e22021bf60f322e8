"""The table of edits: each edits a project and says exactly which jobs must then run."""

import os
import shutil
import subprocess
import time

from expected_jobs import (
    INDEX,
    SBC,
    SBC_SHOWN,
    after_diagnoses,
    after_fits,
    analyses,
    diagnoses,
    everything,
    figures,
    fits,
    page,
)

from support import COIN, CONFIG, LINE, LINE_HELPER, LINE_PROBLEM

NOTHING = set()

IN_SOURCES = {}
"""Edits of what specs are made from; only the files of the project are looked at."""

WITH_TRACES = {}
"""Edits of times, of results, or of what Snakemake remembers; they need a finished run.

A dry run brings the spec files up to date as a real run does, so that an edit taken back again is
judged with its traces.
"""

CONFIG_FILE = "config/config.yaml"
COIN_FILE = "config/experiments/coin.yaml"
LINE_FILE = "config/experiments/line.yaml"
LIBRARY = "workflow/svi_atlas"
ENGINE = f"{LIBRARY}/inference/fit.py"
COIN_GRID = {"headstails/normal/particles-8"}
SOURCES = ("Snakefile", "config", "notebooks", "profiles", "workflow", "examples", "envs")


def in_sources(function):
    """A row of the first table."""
    IN_SOURCES[function.__name__] = function
    return function


def with_traces(function):
    """A row of the second table."""
    WITH_TRACES[function.__name__] = function
    return function


def sources(project):
    for name in SOURCES:
        path = project.path / name
        yield from [path] if path.is_file() else filter(os.path.isfile, path.rglob("*"))


def add_code(project, name):
    project.write(name, project.read(name) + "\nEXTRA = 1\n")


def add_text(project, name):
    project.write(name, project.read(name) + "\n# %% [markdown]\n# More text.\n")


def forget_snakemakes_memory(project):
    shutil.rmtree(project.path / ".snakemake")


@with_traces
def every_source_touched(project):
    now = time.time()
    for path in sources(project):
        os.utime(path, (now, now))
    return NOTHING


@with_traces
def clone_with_copied_results(project):
    # Every file is written anew: all times are new, and in no order.
    moved = project.path.rename(project.path.with_name("original"))
    shutil.copytree(moved, project.path, copy_function=shutil.copyfile)
    return NOTHING


@with_traces
def clone_without_snakemakes_memory(project):
    forget_snakemakes_memory(project)
    every_source_touched(project)
    return NOTHING


@with_traces
def git_checkout_and_back(project):
    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        command = ["git", *who, *arguments]
        subprocess.run(command, cwd=project.path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", *SOURCES)
    git("commit", "-q", "-m", "one")
    git("checkout", "-q", "-b", "other")
    engine(project)
    project.edit(COIN_FILE, "num_steps: 200", "num_steps: 300")
    git("commit", "-q", "-a", "-m", "two")
    assert fits("coin") | fits("line") <= project.planned()
    git("checkout", "-q", "main")
    return NOTHING


@in_sources
def comments_docstrings_key_order_and_formatting(project):
    project.write(ENGINE, "# A comment.\n" + project.read(ENGINE) + "\n\n# Another.\n")
    project.edit(ENGINE, '"""All fits of a cell;', '"""Every fit of a cell;')
    project.edit(ENGINE, "AVERAGE_SHARE = 0.25\n", "AVERAGE_SHARE = (\n    0.25  # a share\n)\n")
    project.edit(ENGINE, '"""Share of the steps', '"""The share of the steps')
    project.edit(LINE_PROBLEM, "dist.Normal(0.0, 1.0)", "dist.Normal( 0.0,1.0 )")
    lines = COIN.splitlines()
    reordered = "\n".join([lines[-1], "# a comment", lines[1], lines[0], *lines[2:-1]]) + "\n"
    reordered = reordered.replace("[0.003, 0.01]", "\n      - 1e-2\n      - 3.0e-3")
    reordered = reordered.replace("{heads: 12, tails: 8}", "{tails: 8, heads: 12}")
    project.write(COIN_FILE, reordered)
    return NOTHING


@in_sources
def defaults_written_out(project):
    project.edit(LINE_FILE, "num_steps: 200", "num_steps: 200\noptimizer: Adam\nheavy: false")
    project.write(CONFIG_FILE, CONFIG + "thresholds: {rhat: 1.10}\n")
    return NOTHING


@in_sources
def code_that_plans_and_checks(project):
    for name in (
        "configuration/messages", "configuration/cells", "planning/run", "planning/problems", "cli",
    ):  # fmt: skip
        add_code(project, f"{LIBRARY}/{name}.py")
    return NOTHING


@in_sources
def another_problem(project):
    text = project.read(LINE_PROBLEM).replace("from line_helper import START", "START = 1.0")
    project.write(f"{LIBRARY}/problems/another/__init__.py", "")
    project.write(f"{LIBRARY}/problems/another/model.py", text)
    return NOTHING


@in_sources
def seed_added(project):
    project.edit(COIN_FILE, "seeds: 2", "seeds: 3")
    return after_fits("coin", COIN_GRID)


@in_sources
def step_size_added(project):
    project.edit(COIN_FILE, "[0.003, 0.01]", "[0.003, 0.01, 0.02]")
    return after_fits("coin", COIN_GRID)


@in_sources
def particles_added(project):
    project.edit(LINE_FILE, "[1]", "[1, 2]")
    cells = {"line/wide/particles-2", "line/AutoNormal/particles-2"}
    return after_fits("line", cells)


@in_sources
def two_values_swapped(project):
    project.edit(COIN_FILE, "{heads: 12, tails: 8}", "{heads: 8, tails: 12}")
    return everything("coin")


@in_sources
def simulations_of_the_calibration(project):
    project.edit(LINE_FILE, "simulations: 20", "simulations: 21")
    return SBC | page("line")


@in_sources
def one_single_fit(project):
    project.edit(COIN_FILE, "seed: 3", "seed: 4")
    return after_fits("coin", {"headstails/normal/single"})


@in_sources
def one_guide_of_a_users_problem(project):
    project.edit(LINE_PROBLEM, '"scale", 1.0', '"scale", 1.5')
    return everything("line")


@in_sources
def module_beside_a_users_problem(project):
    project.edit(LINE_HELPER, "0.0", "0.5")
    return everything("line")


@in_sources
def one_guide_of_a_built_in_problem(project):
    file = f"{LIBRARY}/problems/coin/exact.py"
    project.edit(file, "MEAN_START, SD_START = 0.5, 0.1", "MEAN_START, SD_START = 0.5, 0.12")
    return everything("coin")


@in_sources
def engine(project):
    project.edit(ENGINE, "AVERAGE_SHARE = 0.25", "AVERAGE_SHARE = 0.5")
    return after_fits("coin") | after_fits("line") | SBC


@in_sources
def pinned_version_of_a_numerical_package(project):
    lock = project.read("envs/cpu.txt")
    start = lock.index("\nnumpyro==") + len("\nnumpyro==")
    end = start + len(lock[start:].split()[0])
    project.write("envs/cpu.txt", lock[:start] + "9.9.9" + lock[end:])
    return everything("coin") | everything("line")


@in_sources
def a_statistic(project):
    file = f"{LIBRARY}/diagnostics/final_loss.py"
    project.edit(file, "TAIL_SHARE = 0.05", "TAIL_SHARE = 0.1")
    return diagnoses("coin") | diagnoses("line") | after_diagnoses("coin", "line")


@in_sources
def threshold(project):
    project.write(CONFIG_FILE, CONFIG + "thresholds: {ess: 20}\n")
    return after_diagnoses("coin", "line")


@in_sources
def analyses_of_one_experiment(project):
    add_code(project, f"{LIBRARY}/analysis/general/losses.py")
    return analyses("coin", {"general.losses"}) | figures("coin", {"loss"}) | INDEX


@in_sources
def analyses_of_the_calibration(project):
    add_code(project, f"{LIBRARY}/analysis/general/sbc.py")
    return SBC_SHOWN | page("line")


@in_sources
def analyses_of_the_index(project):
    add_code(project, f"{LIBRARY}/analysis/general/index.py")
    return analyses("coin", {"general.index"}) | analyses("line", {"general.index"}) | INDEX


@in_sources
def figure_of_one_experiment(project):
    add_code(project, f"{LIBRARY}/plots/loss.py")
    return figures("coin", {"loss"}) | INDEX


@in_sources
def figure_of_two_experiments(project):
    add_code(project, f"{LIBRARY}/plots/verdicts.py")
    return figures("coin", {"verdicts"}) | figures("line", {"verdicts"}) | INDEX


@in_sources
def figure_removed(project):
    project.edit(COIN_FILE, "[loss, verdicts]", "[verdicts]")
    return page("coin") | INDEX


@in_sources
def notebook_of_the_experiments(project):
    add_text(project, "notebooks/experiment.py")
    return page("coin") | page("line")


@in_sources
def template_of_the_index(project):
    file = f"{LIBRARY}/report/index.html.j2"
    project.write(file, project.read(file) + "<!-- more text -->\n")
    return {"report/page/coin", "report/page/line"} | INDEX


@in_sources
def expected_value(project):
    project.edit("config/expected/coin.yaml", "tolerance: 0.15", "tolerance: 0.2")
    return {"coin/compare"} | page("coin") | INDEX


@in_sources
def title(project):
    project.edit(LINE_FILE, "A user's own problem", "A line")
    return page("line") | INDEX


@in_sources
def guide_removed(project):
    project.edit(LINE_FILE, "[wide, AutoNormal]", "[wide]")
    return after_diagnoses("line")


@in_sources
def experiment_removed(project):
    project.write(CONFIG_FILE, "experiments: [coin]\n")
    return INDEX


@in_sources
def experiment_made_heavy(project):
    project.edit(LINE_FILE, "problem:", "heavy: true\nproblem:")
    return INDEX


@with_traces
def guide_removed_and_added_again(project):
    guide_removed(project)
    assert project.planned()
    project.write(LINE_FILE, LINE)
    return NOTHING


@with_traces
def experiment_removed_and_added_again(project):
    experiment_removed(project)
    assert project.planned()
    project.write(CONFIG_FILE, CONFIG)
    return NOTHING


@with_traces
def deleted_page(project):
    (project.path / "results/report/line.html").unlink()
    return {"report/page/line"}


@with_traces
def without_snakemakes_memory(project):
    forget_snakemakes_memory(project)
    return NOTHING


@with_traces
def without_snakemakes_memory_and_a_seed(project):
    forget_snakemakes_memory(project)
    return seed_added(project)


@with_traces
def without_snakemakes_memory_and_the_engine(project):
    forget_snakemakes_memory(project)
    return engine(project)


@with_traces
def without_snakemakes_memory_and_a_figure(project):
    forget_snakemakes_memory(project)
    return figure_of_one_experiment(project)


@with_traces
def without_snakemakes_memory_and_two_values_swapped(project):
    forget_snakemakes_memory(project)
    return two_values_swapped(project)
