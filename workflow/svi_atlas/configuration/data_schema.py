"""Checks an experiment's `data` against the JSON Schema that its problem file gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from svi_atlas.configuration import messages
from svi_atlas.errors import InputProblem, refuse

REQUIREMENTS = {
    "minimum": ("too_small", "must be at least {}"),
    "exclusiveMinimum": ("too_small", "must be greater than {}"),
    "maximum": ("too_large", "must be at most {}"),
    "exclusiveMaximum": ("too_large", "must be less than {}"),
    "minItems": ("too_few", "must have at least {} entries"),
    "maxItems": ("too_many", "must have at most {} entries"),
    "minProperties": ("too_few", "must have at least {} keys"),
    "maxProperties": ("too_many", "must have at most {} keys"),
    "minLength": ("empty", "must not be empty"),
    "pattern": ("wrong_pattern", "must match the pattern {}"),
    "uniqueItems": ("not_unique", "must not list an entry twice"),
}
"""Our code and words for the rules of JSON Schema; the braces hold the limit."""


def check_data(
    value: Any, schema: Mapping[str, Any], file: str, path: messages.KeyPath = ("data",)
) -> None:
    """Raise InputError that lists every violation of a JSON Schema (see `data_problems`)."""
    refuse(data_problems(value, schema, file, path))


def data_problems(
    value: Any, schema: Mapping[str, Any], file: str, path: messages.KeyPath = ("data",)
) -> list[InputProblem]:
    """Every violation of a JSON Schema.

    Parameters
    ----------
    value
        The settings to check.
    schema
        JSON Schema (draft 2020-12) of the settings.
    file, path
        The file named in messages, and the place of `value` in it.
    """
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(value),
        key=lambda error: list(map(str, error.absolute_path)),
    )
    problems = [problem for error in errors for problem in _problems(error, file, path)]
    problems += messages.not_finite(file, value, path)
    return list(dict.fromkeys(problems))


def _problems(
    error: jsonschema.ValidationError, file: str, parent: messages.KeyPath
) -> list[InputProblem]:
    path = (*parent, *error.absolute_path)
    rule, limit, written = str(error.validator), error.validator_value, error.instance
    node: dict[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    properties = node.get("properties", {})
    if rule == "additionalProperties" and limit is False:
        unknown = [name for name in written if name not in properties]
        return [messages.unknown_key(file, (*path, name), properties) for name in unknown]
    if rule == "required":
        missing = [name for name in limit if name not in written]
        return [
            messages.missing_key(
                file, (*path, name), properties.get(name, {}).get("description", "")
            )
            for name in missing
        ]
    if rule == "dependentRequired":
        return [
            messages.missing_key(file, (*path, name), f"needed with {key!r}")
            for key, needed in limit.items()
            if key in written
            for name in needed
            if name not in written
        ]
    if rule == "type":
        types = [limit] if isinstance(limit, str) else limit
        code, requirement = "wrong_type", messages.type_requirement(types)
    elif rule == "enum":
        code, requirement = "not_allowed", messages.choice_requirement(limit, written)
    elif rule in REQUIREMENTS:
        code, requirement = REQUIREMENTS[rule]
        requirement = messages.singular(requirement.format(limit))
    else:
        code, requirement = "invalid", error.message
    description = node.get("description", "")
    return [messages.wrong_value(code, file, path, requirement, written, description)]
