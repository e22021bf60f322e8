"""Reads YAML files, checks them against the strict JSON Schemas and fills in defaults."""

from __future__ import annotations

import copy
import difflib
import math
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from svi_atlas.errors import InputError

SCHEMAS = Path(__file__).parents[2] / "schemas"


def read_yaml(path: str | Path) -> Any:
    """Parse a YAML 1.2 file (so that 1e-4 is a number). Raises InputError naming file and line."""
    path = Path(path)
    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise InputError(f"{path}:{where} not readable as YAML: {error.problem}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as YAML: {error}") from None


@cache
def schema(name: str) -> dict:
    """The JSON Schema `workflow/schemas/<name>.schema.yaml`."""
    return read_yaml(SCHEMAS / f"{name}.schema.yaml")


def checked(value: Any, name: str, where: str) -> dict:
    """A copy of `value` with defaults filled in. Raises InputError listing every violation.

    `where` is the file named in messages, `name` the schema.
    """
    if not isinstance(value, dict):
        raise InputError(f"{where}: a mapping of keys to values is expected, found {_shown(value)}")
    check(value, schema(name), where)
    return _with_defaults(value, schema(name))


def check(value: Any, rules: dict, where: str, key: tuple[str, ...] = ()) -> None:
    """Raise InputError listing every violation of the JSON Schema `rules`.

    `where` is the file named in messages, `key` the place of `value` in it.
    """
    errors = sorted(
        jsonschema.Draft202012Validator(rules).iter_errors(value),
        key=lambda error: list(map(str, error.absolute_path)),
    )
    messages = [_message(error, key) for error in errors]
    messages += [
        f"key {_key([*key, *path])!r}: must be a finite number, found {number}"
        for path, number in _not_finite(value)
    ]
    if messages:
        raise InputError("\n".join(f"{where}: {message}" for message in messages))


def _not_finite(value: Any, path: tuple = ()) -> list[tuple[tuple, float]]:
    """Numbers that no schema can refuse (.inf, .nan), with their places."""
    if isinstance(value, float) and not math.isfinite(value):
        return [(path, value)]
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return []
    return [found for name, item in value.items() for found in _not_finite(item, (*path, name))]


def _with_defaults(value: Any, node: dict) -> Any:
    if isinstance(value, dict):
        known = node.get("properties", {})
        other = node.get("additionalProperties")
        filled = {
            key: _with_defaults(item, known.get(key) or (other if isinstance(other, dict) else {}))
            for key, item in value.items()
        }
        for key, child in known.items():
            if key not in filled and "default" in child:
                filled[key] = _with_defaults(copy.deepcopy(child["default"]), child)
        return filled
    if isinstance(value, list):
        return [_with_defaults(item, node.get("items", {})) for item in value]
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _key(path) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def did_you_mean(name: str, allowed) -> str:
    """A hint for a misspelt name, or nothing."""
    close = difflib.get_close_matches(str(name), list(map(str, allowed)), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _message(error: jsonschema.ValidationError, parent: tuple[str, ...] = ()) -> str:
    key = _key([*parent, *error.absolute_path])
    at = f"key {key!r}: " if key else ""
    rule, limit, node = error.validator, error.validator_value, error.schema
    value = _shown(error.instance)
    hint = f" ({node['description']})" if isinstance(node, dict) and "description" in node else ""
    if rule == "additionalProperties":
        allowed = sorted(node.get("properties", {}))
        unknown = [name for name in error.instance if name not in allowed]
        return at + "; ".join(
            f"unknown key {name!r}{did_you_mean(name, allowed)}, allowed keys are "
            + ", ".join(allowed)
            for name in unknown
        )
    if rule == "required":
        missing = [name for name in limit if name not in error.instance]
        described = [
            f"{name!r} ({node['properties'][name].get('description', '')})" for name in missing
        ]
        return f"{at}missing key {' and '.join(described)}"
    wanted = {
        "type": lambda: (
            f"must be of type {' or '.join([limit] if isinstance(limit, str) else limit)}"
        ),
        "enum": lambda: f"must be one of {', '.join(map(str, limit))}",
        "minimum": lambda: f"must be at least {limit}",
        "maximum": lambda: f"must be at most {limit}",
        "exclusiveMinimum": lambda: f"must be greater than {limit}",
        "minItems": lambda: f"must have at least {limit} entry",
        "minLength": lambda: "must not be empty",
        "uniqueItems": lambda: "must not list an entry twice",
        "pattern": lambda: f"must match the pattern {limit}",
    }
    text = wanted[rule]() if rule in wanted else error.message
    return f"{at}{text}, found {value}{hint}"
