"""The problems of a run: their files, their code, and what each of them offers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svi_atlas.configuration.messages import did_you_mean
from svi_atlas.configuration.problem_info import ProblemInfo
from svi_atlas.errors import wrong_key
from svi_atlas.locations import PACKAGE
from svi_atlas.planning.code_digest import code_digest
from svi_atlas.planning.jax_process import ask
from svi_atlas.planning.job_spec import canonical_json, write_if_changed

PROBLEMS = PACKAGE / "problems"


def problem_file(problem: str, where: str = "") -> Path:
    """The Python file behind a built-in problem's name or a user's path. Raises InputError."""
    if problem.endswith(".py"):
        if not Path(problem).is_file():
            raise wrong_key(
                "no_file",
                where,
                "problem",
                f"no such file {problem!r}; give a path relative to {Path.cwd()}",
            )
        return Path(problem)
    built_in = sorted(path.parent.name for path in PROBLEMS.glob("*/model.py"))
    if problem not in built_in:
        raise wrong_key(
            "unknown_name",
            where,
            "problem",
            f"unknown problem {problem!r}{did_you_mean(problem, built_in)}, allowed are "
            f"{', '.join(built_in)} or the path of a .py file that defines PROBLEM",
        )
    return PROBLEMS / problem / "model.py"


def problem_code(problem: str, *modules: str) -> dict[str, Any]:
    """Code digest of modules together with one problem, built in or a user's file."""
    if problem.endswith(".py"):
        return code_digest(*modules, "problems.base", files=(problem,))
    return code_digest(*modules, f"problems.{problem}.model")


def describe_problems(problems: Mapping[str, Path], cache: Path) -> dict[str, ProblemInfo]:
    """What each problem offers, found by importing it in a process with JAX.

    Answers are kept in `cache` by code digest, so that an unchanged problem costs nothing.
    """
    files = {
        problem: cache / f"{problem_code(problem, 'problems.describe')['digest']}.json"
        for problem in problems
    }
    missing = [problem for problem, file in files.items() if not file.exists()]
    if missing:
        for problem, content in ask("describe-problems", *missing).items():
            write_if_changed(files[problem], canonical_json(content))
    contents = {problem: json.loads(file.read_text()) for problem, file in files.items()}
    return {
        problem: ProblemInfo(
            tuple(content["models"]),
            tuple(content["guides"]),
            content["data_schema"],
            content["not_simulated"],
            tuple(content["schedules"]),
            {model: tuple(sites) for model, sites in content["sites"].items()},
            content["simulates"],
        )
        for problem, content in contents.items()
    }
