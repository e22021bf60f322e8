"""Compiled programs are kept: other seeds and step sizes compile nothing, jobs may share the cache."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from svi_atlas.jobs import runtime

runtime.limit_threads(1)
runtime.set_compiler_flags()
runtime.keep_compiled_programs(Path(sys.argv[1]))

import jax
from svi_atlas import problems
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.guides import guide_factory

problem = problems.load("coin")
guide = guide_factory(problem, "headstails", "normal")
data = problem.simulate(jax.random.PRNGKey(0), {"heads": 12, "tails": 8})
seeds, step_sizes = (tuple(map(float, words.split(","))) for words in sys.argv[2:])
seeds = tuple(map(int, seeds))
fits = fit_cell(problem.models["headstails"], guide, data, num_particles=2, step_sizes=step_sizes,
                seeds=seeds, num_steps=40)
print(fits.loss[0, 0, -1])
"""


def start(folder, seeds, step_sizes):
    command = [sys.executable, "-c", PROGRAM, str(folder), seeds, step_sizes]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_other_seeds_and_step_sizes_compile_nothing(tmp_path):
    side_by_side = [start(tmp_path, "1,2", "0.01,0.1") for _ in range(2)]
    losses = [process.communicate()[0] for process in side_by_side]
    assert losses[0] == losses[1] != ""
    programs = {path.name for path in tmp_path.glob("*-cache")}
    assert programs
    other, _ = start(tmp_path, "7,5", "0.02,0.3").communicate()
    assert other not in ("", losses[0])
    assert {path.name for path in tmp_path.glob("*-cache")} == programs
    again, _ = start(tmp_path, "1,2", "0.01,0.1").communicate()
    assert again == losses[0]
