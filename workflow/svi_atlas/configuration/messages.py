"""Messages about what the user wrote: the file, the key, what is allowed, what was found."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping

from svi_atlas.errors import InputProblem

KeyPath = tuple[str | int, ...]
"""The place of a value in a file, such as ("grid", 0, "seeds")."""

TYPE_WORDS = {"array": "list", "object": "mapping"}
"""Types whose names in JSON Schema are not those of YAML."""


def did_you_mean(name: object, allowed: Iterable[object]) -> str:
    """A hint for a misspelt name, or nothing."""
    close = difflib.get_close_matches(str(name), list(map(str, allowed)), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def key_text(path: KeyPath) -> str:
    """A place as text: `grid[0].seeds`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(value: object) -> str:
    """A value as Python writes it, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def message(code: str, file: str, path: KeyPath, text: str) -> InputProblem:
    """A problem of the kind `code` at a place in a file.

    Parameters
    ----------
    code
        The kind of problem (see `InputProblem`).
    file, path
        The file, as named in messages, and the place in it.
    text
        What is wrong and what to do about it.
    """
    return InputProblem(code, file, key_text(path), _at(file, path) + text)


def wrong_value(
    code: str, file: str, path: KeyPath, requirement: str, value: object, description: str
) -> InputProblem:
    """A value that breaks a rule.

    Parameters
    ----------
    code
        The kind of problem (see `InputProblem`).
    file, path
        The file, as named in messages, and the place in it.
    requirement
        What is asked of the value, such as "must be at least 1".
    value
        What was found.
    description
        What the key means ("" if unknown).
    """
    hint = f" ({description})" if description else ""
    return message(code, file, path, f"{requirement}, found {shown(value)}{hint}")


def unknown_key(file: str, path: KeyPath, allowed: Iterable[str]) -> InputProblem:
    """The key at the end of `path` does not exist; `allowed` are those that do."""
    allowed = sorted(allowed)
    text = (
        f"unknown key {path[-1]!r}{did_you_mean(path[-1], allowed)}, allowed keys are "
        f"{', '.join(allowed)}"
    )
    return InputProblem("unknown_key", file, key_text(path), _at(file, path[:-1]) + text)


def renamed_key(file: str, path: KeyPath, new_name: str) -> InputProblem:
    """The key at the end of `path` has another name in this release."""
    text = f"the key {path[-1]!r} is now called {new_name!r}; rename it"
    return InputProblem("renamed_key", file, key_text(path), _at(file, path[:-1]) + text)


def missing_key(file: str, path: KeyPath, description: str) -> InputProblem:
    """The key at the end of `path` is required."""
    hint = f" ({description})" if description else ""
    text = f"missing key {path[-1]!r}{hint}"
    return InputProblem("missing_key", file, key_text(path), _at(file, path[:-1]) + text)


def unknown_name(
    file: str, path: KeyPath, what: str, name: str, allowed: Iterable[str]
) -> InputProblem:
    """A name that does not exist.

    Parameters
    ----------
    file, path
        The file, as named in messages, and the place in it.
    what
        What the name is of: "model", "guide".
    name
        The name that was found.
    allowed
        The names that exist.
    """
    allowed = tuple(allowed)
    text = f"unknown {what} {name!r}{did_you_mean(name, allowed)}, allowed are {', '.join(allowed)}"
    return message("unknown_name", file, path, text)


def no_mapping(file: str, value: object) -> InputProblem:
    """The file as a whole is not a mapping."""
    text = f"{file}: a mapping of keys to values is expected, found {shown(value)}"
    return InputProblem("wrong_type", file, "", text)


def type_requirement(types: Iterable[str]) -> str:
    """What is asked of a value by its JSON Schema types."""
    return f"must be of type {' or '.join(TYPE_WORDS.get(name, name) for name in types)}"


def choice_requirement(choices: Iterable[object], value: object) -> str:
    """What is asked of a value that is one of a few words."""
    choices = tuple(choices)
    return f"must be one of {', '.join(map(str, choices))}{did_you_mean(value, choices)}"


def singular(requirement: str) -> str:
    """A requirement without its plural if the number in it is 1."""
    return requirement.replace(" 1 entries", " 1 entry").replace(" 1 keys", " 1 key")


def not_finite(file: str, value: object, path: KeyPath = ()) -> list[InputProblem]:
    """The infinite and undefined numbers (.inf, .nan) anywhere inside a value."""
    if isinstance(value, float) and not math.isfinite(value):
        return [wrong_value("not_finite", file, path, "must be a finite number", value, "")]
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return []
    return [
        problem
        for name, entry in value.items()
        for problem in not_finite(file, entry, (*path, name))
    ]


def _at(file: str, path: KeyPath) -> str:
    return f"{file}: key {key_text(path)!r}: " if path else f"{file}: "
