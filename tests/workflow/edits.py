"""The table of edits: each edits a finished project and says exactly which jobs must then run.

They are judged by dry runs. A dry run brings the spec files up to date as a real run does, so that
an edit taken back again is judged with its traces.
"""

import os
import shutil
import subprocess
import time

from support import (
    CALIBRATION,
    COIN,
    INDEX,
    LINE,
    after_diagnoses,
    after_fits,
    diagnoses,
    everything,
    figures,
    fits,
    page,
)

NOTHING = set()
EDITS = {}

COIN_FILE = "config/experiments/coin.yaml"
LINE_FILE = "config/experiments/line.yaml"
ENGINE = "workflow/svi_atlas/engine.py"
COIN_GRID = {"normal, particles-8"}
SOURCES = ("Snakefile", "config", "notebooks", "profiles", "workflow", "mine", "envs")


def edit(function):
    """A row of the table."""
    EDITS[function.__name__] = function
    return function


def sources(project):
    for name in SOURCES:
        path = project.path / name
        yield from [path] if path.is_file() else filter(os.path.isfile, path.rglob("*"))


def add_code(project, name):
    project.write(name, project.read(name) + "\nEXTRA = 1\n")


def forget_snakemakes_memory(project):
    shutil.rmtree(project.path / ".snakemake")


@edit
def nothing(project):
    return NOTHING


@edit
def every_source_touched(project):
    now = time.time()
    for path in sources(project):
        os.utime(path, (now, now))
    return NOTHING


@edit
def clone_with_copied_results(project):
    # Every file is written anew: all times are new, and in no order.
    moved = project.path.rename(project.path.with_name("original"))
    shutil.copytree(moved, project.path, copy_function=shutil.copyfile)
    return NOTHING


@edit
def clone_without_snakemakes_memory(project):
    forget_snakemakes_memory(project)
    every_source_touched(project)
    return NOTHING


@edit
def git_checkout_and_back(project):
    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        command = ["git", *who, *arguments]
        subprocess.run(command, cwd=project.path, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", *SOURCES)
    git("commit", "-q", "-m", "one")
    git("checkout", "-q", "-b", "other")
    project.edit(ENGINE, "AVERAGE_SHARE = 0.25", "AVERAGE_SHARE = 0.5")
    project.edit(COIN_FILE, "num_steps: 200", "num_steps: 300")
    git("commit", "-q", "-a", "-m", "two")
    assert fits("coin") | fits("line") <= project.planned()
    git("checkout", "-q", "main")
    return NOTHING


@edit
def comments_docstrings_key_order_and_formatting(project):
    project.write(ENGINE, "# A comment.\n" + project.read(ENGINE) + "\n\n# Another.\n")
    project.edit(ENGINE, '"""All fits of a cell;', '"""Every fit of a cell;')
    project.edit(ENGINE, "AVERAGE_SHARE = 0.25\n", "AVERAGE_SHARE = (\n    0.25  # a share\n)\n")
    project.edit(ENGINE, '"""Share of the steps', '"""The share of the steps')
    project.edit("mine/line.py", "dist.Normal(0.0, 1.0)", "dist.Normal( 0.0,1.0 )")
    lines = COIN.splitlines()
    reordered = "\n".join([lines[-1], "# a comment", lines[1], lines[0], *lines[2:-1]]) + "\n"
    reordered = reordered.replace("[0.003, 0.01]", "\n      - 1e-2\n      - 3.0e-3")
    reordered = reordered.replace("{heads: 12, tails: 8}", "{tails: 8, heads: 12}")
    project.write(COIN_FILE, reordered)
    return NOTHING


@edit
def defaults_written_out(project):
    project.edit(LINE_FILE, "num_steps: 200", "num_steps: 200\noptimizer: Adam\nheavy: false")
    project.write("config/config.yaml", "experiments: [coin, line]\nthresholds: {rhat: 1.10}\n")
    return NOTHING


@edit
def code_that_plans_and_checks(project):
    project.edit("workflow/svi_atlas/schema.py", "must be at least", "has to be at least")
    project.edit("workflow/svi_atlas/settings.py", "choose another", "choose another name")
    project.edit("workflow/svi_atlas/plan.py", "give a path relative", "write a path relative")
    project.edit("workflow/svi_atlas/cli.py", '"error: {error}"', '"Error: {error}"')
    return NOTHING


@edit
def another_problem(project):
    text = project.read("mine/line.py").replace("from line_helper import START", "START = 1.0")
    project.write("workflow/svi_atlas/problems/another.py", text)
    return NOTHING


@edit
def seed_added(project):
    project.edit(COIN_FILE, "seeds: 2", "seeds: 3")
    return after_fits("coin", COIN_GRID)


@edit
def step_size_added(project):
    project.edit(COIN_FILE, "[0.003, 0.01]", "[0.003, 0.01, 0.02]")
    return after_fits("coin", COIN_GRID)


@edit
def particles_added(project):
    project.edit(LINE_FILE, "[1]", "[1, 2]")
    new = {
        f"line: {words}, particles-2"
        for guide in ("wide", "AutoNormal")
        for words in (f"fit {guide} to line", f"diagnose {guide} on line")
    }
    return new | after_diagnoses("line")


@edit
def two_values_swapped(project):
    project.edit(COIN_FILE, "{heads: 12, tails: 8}", "{heads: 8, tails: 12}")
    return everything("coin")


@edit
def calibration(project):
    project.edit(LINE_FILE, "simulations: 20", "simulations: 21")
    return CALIBRATION | page("line")


@edit
def one_named_fit(project):
    project.edit(COIN_FILE, "seed: 3", "seed: 4")
    return after_fits("coin", {"normal, single"})


@edit
def one_guide_of_a_users_problem(project):
    project.edit("mine/line.py", '"scale", 1.0', '"scale", 1.5')
    return everything("line")


@edit
def module_beside_a_users_problem(project):
    project.edit("mine/line_helper.py", "0.0", "0.5")
    return everything("line")


@edit
def one_guide_of_a_built_in_problem(project):
    project.edit("workflow/svi_atlas/problems/coin.py", '"sd", 0.1', '"sd", 0.12')
    return everything("coin")


@edit
def engine(project):
    project.edit(ENGINE, "AVERAGE_SHARE = 0.25", "AVERAGE_SHARE = 0.5")
    return after_fits("coin") | after_fits("line") | CALIBRATION


@edit
def pinned_version_of_a_numerical_package(project):
    lock = project.read("envs/cpu.txt")
    start = lock.index("\nnumpyro==") + len("\nnumpyro==")
    end = start + len(lock[start:].split()[0])
    project.write("envs/cpu.txt", lock[:start] + "9.9.9" + lock[end:])
    return everything("coin") | everything("line")


@edit
def diagnostics(project):
    file = "workflow/svi_atlas/diagnostics/final_loss.py"
    project.edit(file, "TAIL_SHARE = 0.05", "TAIL_SHARE = 0.1")
    return diagnoses("coin") | diagnoses("line") | after_diagnoses("coin", "line")


@edit
def threshold(project):
    project.write("config/config.yaml", "experiments: [coin, line]\nthresholds: {ess: 20}\n")
    return after_diagnoses("coin", "line")


@edit
def figure_of_one_experiment(project):
    add_code(project, "workflow/svi_atlas/plots/loss.py")
    return figures("coin", {"loss"}) | INDEX


@edit
def figure_of_two_experiments(project):
    add_code(project, "workflow/svi_atlas/plots/verdicts.py")
    return figures("coin", {"verdicts"}) | figures("line", {"verdicts"}) | INDEX


@edit
def figure_removed(project):
    project.edit(COIN_FILE, "[loss, verdicts]", "[verdicts]")
    return page("coin") | INDEX


@edit
def notebook_of_the_experiments(project):
    project.write(
        "notebooks/experiment.py",
        project.read("notebooks/experiment.py") + "\n# %% [markdown]\n# More text.\n",
    )
    return page("coin") | page("line")


@edit
def notebook_of_the_index(project):
    project.write(
        "notebooks/index.py",
        project.read("notebooks/index.py") + "\n# %% [markdown]\n# More text.\n",
    )
    return INDEX


@edit
def expected_value(project):
    project.edit("config/expected/coin.yaml", "tolerance: 0.15", "tolerance: 0.2")
    comparison = {"coin: comparison with published and exact values"}
    return comparison | page("coin") | INDEX


@edit
def title(project):
    project.edit(LINE_FILE, "A user's own problem", "A line")
    return page("line") | INDEX


@edit
def guide_removed(project):
    project.edit(LINE_FILE, "[wide, AutoNormal]", "[wide]")
    return after_diagnoses("line")


@edit
def guide_removed_and_added_again(project):
    project.edit(LINE_FILE, "[wide, AutoNormal]", "[wide]")
    assert project.planned()
    project.write(LINE_FILE, LINE)
    return NOTHING


@edit
def experiment_removed(project):
    project.write("config/config.yaml", "experiments: [coin]\n")
    return INDEX


@edit
def experiment_removed_and_added_again(project):
    project.write("config/config.yaml", "experiments: [coin]\n")
    assert project.planned()
    project.write("config/config.yaml", "experiments: [coin, line]\n")
    return NOTHING


@edit
def deleted_page(project):
    (project.path / "results/report/line.html").unlink()
    return {"report: page line"}


@edit
def without_snakemakes_memory(project):
    forget_snakemakes_memory(project)
    return NOTHING


@edit
def without_snakemakes_memory_and_a_seed(project):
    forget_snakemakes_memory(project)
    return seed_added(project)


@edit
def without_snakemakes_memory_and_the_engine(project):
    forget_snakemakes_memory(project)
    return engine(project)


@edit
def without_snakemakes_memory_and_a_figure(project):
    forget_snakemakes_memory(project)
    return figure_of_one_experiment(project)


@edit
def without_snakemakes_memory_and_two_values_swapped(project):
    forget_snakemakes_memory(project)
    return two_values_swapped(project)
