"""Problems, loaded by name only when asked for, so that one is no part of another's code."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

from svi_atlas.errors import InputError
from svi_atlas.records import Problem


def load(problem: str) -> Problem:
    """A built-in problem by name, or the PROBLEM of a user's .py file. Raises InputError."""
    if problem.endswith(".py"):
        module = _load_file(Path(problem))
    else:
        module = importlib.import_module(f"svi_atlas.problems.{problem}")
    found = getattr(module, "PROBLEM", None)
    if not isinstance(found, Problem):
        raise InputError(
            f"{problem}: it must define PROBLEM = Problem(...) "
            "(from svi_atlas.records import Problem), "
            + (
                "but has no PROBLEM"
                if found is None
                else f"but PROBLEM is a {type(found).__name__}"
            )
        )
    for what, entries in (("models", found.models), ("guides", found.guides)):
        for name, function in entries.items():
            if not callable(function):
                raise InputError(f"{problem}: PROBLEM.{what}[{name!r}] is not a function")
    if not found.models:
        raise InputError(f"{problem}: PROBLEM.models is empty; it needs at least one model")
    return found


def _load_file(path: Path):
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
