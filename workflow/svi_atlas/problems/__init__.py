"""The built-in problems, one folder each, and loading a problem by name or from a user's file.

`<name>/model.py` defines PROBLEM and needs JAX; `<name>/exact.py` holds the exact facts of those
problems that have any, and needs NumPy and SciPy only. A problem is imported only when it is asked
for, so that its code is no part of another's.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from svi_atlas.errors import InputError
from svi_atlas.inference.signature import takes_data
from svi_atlas.records import Problem


def built_in_names() -> list[str]:
    """Names of the built-in problems, sorted."""
    return sorted(path.parent.name for path in Path(__file__).parent.glob("*/model.py"))


def load(problem: str) -> Problem:
    """A built-in problem by name, or the PROBLEM of a user's .py file. Raises InputError."""
    if problem.endswith(".py"):
        module = _load_file(Path(problem))
    else:
        module = importlib.import_module(f"svi_atlas.problems.{problem}.model")
    loaded = getattr(module, "PROBLEM", None)
    if loaded is None:
        loaded = _from_functions(problem, module)
    if not isinstance(loaded, Problem):
        raise InputError(
            f"{problem}: it must define PROBLEM = Problem(...) "
            "(from svi_atlas.problems.base import Problem), "
            f"but PROBLEM is a {type(loaded).__name__}"
        )
    _check_functions(problem, loaded)
    models = {name: takes_data(model) for name, model in loaded.models.items()}
    return replace(loaded, models=models)


def _from_functions(problem: str, module: ModuleType) -> Problem:
    """The problem of a plain script: its functions whose names begin or end with `model` or `guide`."""

    def named(word: str) -> dict[str, Callable]:
        return {
            name: value
            for name, value in vars(module).items()
            if inspect.isfunction(value)
            and value.__module__ == module.__name__
            and (name == word or name.startswith(f"{word}_") or name.endswith(f"_{word}"))
        }

    if not (models := named("model")):
        raise InputError(
            f"{problem}: it must define a NumPyro model, a function called `model` (or `model_...`, "
            "`..._model`), or PROBLEM = Problem(...) (from svi_atlas.problems.base import Problem), but has "
            "neither"
        )
    return Problem(
        name=Path(problem).stem,
        source=Path(problem).name,
        simulate=getattr(module, "simulate", None),
        models=models,
        guides=named("guide"),
    )


def _check_functions(problem: str, loaded: Problem) -> None:
    kinds = (
        ("models", loaded.models),
        ("guides", loaded.guides),
        ("schedules", loaded.schedules),
    )
    for kind, entries in kinds:
        for name, function in entries.items():
            if not callable(function):
                raise InputError(f"{problem}: PROBLEM.{kind}[{name!r}] is not a function")
    if not loaded.models:
        raise InputError(f"{problem}: PROBLEM.models is empty; it needs at least one model")


def _load_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"user_problem_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path}: importing it raised {type(error).__name__}: {error}") from error
    return module
