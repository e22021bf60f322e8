"""Checks a value against a model; pydantic's errors become our messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from svi_atlas.configuration import messages
from svi_atlas.configuration.json_schema import JsonSchema, json_schema
from svi_atlas.configuration.values import FileModel
from svi_atlas.errors import InputProblem, refuse

Model = TypeVar("Model", bound=FileModel)

REQUIREMENTS = {
    "greater_than_equal": ("too_small", "must be at least {ge}"),
    "greater_than": ("too_small", "must be greater than {gt}"),
    "less_than_equal": ("too_large", "must be at most {le}"),
    "too_short": ("too_few", "must have at least {min_length} entries"),
    "string_too_short": ("empty", "must not be empty"),
    "string_pattern_mismatch": ("wrong_pattern", "must match the pattern {pattern}"),
    "not_unique": ("not_unique", "must not list an entry twice"),
    "finite_number": ("not_finite", "must be a finite number"),
}
"""Our code and words for pydantic's errors; the braces hold names in the error's context."""


def checked(model: type[Model], value: Any, file: str) -> Model:
    """The value as a model, with defaults filled in.

    Parameters
    ----------
    model
        The model of the kind of file.
    value
        What the file holds, as read from YAML.
    file
        The file, as named in messages.

    Raises
    ------
    InputError
        Listing every violation.
    """
    if not isinstance(value, Mapping):
        refuse([messages.no_mapping(file, value)])
    problems: list[InputProblem] = []
    try:
        instance = model.model_validate(dict(value))
    except ValidationError as error:
        problems = _problems(model, error, value, file)
    known = {(problem.code, problem.key) for problem in problems}
    problems += [
        problem
        for problem in messages.not_finite(file, value)
        if (problem.code, problem.key) not in known
    ]
    refuse(problems)
    return instance


def _problems(
    model: type[FileModel], error: ValidationError, value: Any, file: str
) -> list[InputProblem]:
    """One problem per violation: the branches of a union are made one."""
    problems: dict[tuple[str, str], InputProblem] = {}
    for details in error.errors(include_url=False):
        problem = _problem(model, details, value, file)
        problems.setdefault((problem.code, problem.key), problem)
    renamed = {model.renamed[key] for code, key in problems if code == "renamed_key"}
    return [
        problem
        for problem in problems.values()
        if not _is_other_branch(problem, problems.values())
        and not (problem.code == "missing_key" and problem.key.rpartition(".")[2] in renamed)
    ]


def _is_other_branch(problem: InputProblem, problems: Iterable[InputProblem]) -> bool:
    """Whether the value is of another branch of a union, in which something else is wrong."""
    inner = (problem.key + ".", problem.key + "[")
    others = [other for other in problems if other is not problem]
    if problem.code == "wrong_type" and any(other.key == problem.key for other in others):
        return True
    return problem.code in ("wrong_type", "not_allowed") and any(
        other.key.startswith(inner) for other in others
    )


def _problem(model: type[FileModel], details: ErrorDetails, value: Any, file: str) -> InputProblem:
    schema = json_schema(model)
    path = _path(details["loc"], value, missing=details["type"] == "missing")
    node, description = _node_at(schema, path)
    if details["type"] == "missing":
        return messages.missing_key(file, path, description)
    if details["type"] in ("extra_forbidden", "invalid_key"):
        if new_name := model.renamed.get(messages.key_text(path)):
            return messages.renamed_key(file, path, new_name)
        parent, _ = _node_at(schema, path[:-1])
        return messages.unknown_key(file, path, _branch(parent, "properties")["properties"])
    if details["loc"][-1:] == ("[key]",):
        code, requirement = _requirement(details, {"type": "string"})
        requirement = f"the name {requirement}"
        _, description = _node_at(schema, path[:-1])
    else:
        code, requirement = _requirement(details, node)
    return messages.wrong_value(code, file, path, requirement, details["input"], description)


def _requirement(details: ErrorDetails, node: JsonSchema) -> tuple[str, str]:
    """Our code for an error, and what is asked of the value; `node` is the schema of the value."""
    kind = details["type"]
    if kind == "literal_error":
        choices = _branch(node, "enum")["enum"]
        return "not_allowed", messages.choice_requirement(choices, details["input"])
    if kind in REQUIREMENTS:
        code, requirement = REQUIREMENTS[kind]
        limits = {name: _plain(limit) for name, limit in details.get("ctx", {}).items()}
        return code, messages.singular(requirement.format(**limits))
    if kind.endswith("_type") or kind == "int_from_float":
        return "wrong_type", messages.type_requirement(_types(node))
    return "invalid", details["msg"]


def _path(location: tuple[str | int, ...], value: Any, *, missing: bool) -> messages.KeyPath:
    """The place in the file, without the names that pydantic gives to the branches of a union.

    `missing`: the last part is a key that is not there.
    """
    path: list[str | int] = []
    for index, part in enumerate(location):
        if isinstance(value, list) and isinstance(part, int):
            path.append(part)
            value = value[part]
        elif isinstance(value, Mapping) and part != "[key]":
            entries = {str(key): entry for key, entry in value.items()}
            if str(part) in entries or (missing and index == len(location) - 1):
                path.append(str(part))
                value = entries.get(str(part))
    return tuple(path)


def _node_at(schema: JsonSchema, path: messages.KeyPath) -> tuple[JsonSchema, str]:
    """The part of the schema for a place, and what the place (or the list it is in) means."""
    node, description = schema, ""
    for part in path:
        if isinstance(part, int):
            node = _branch(node, "items")["items"]
            description = node.get("description", description)
            continue
        node = _branch(node, "properties")
        other = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
        children = [node.get("properties", {}).get(part), *other]
        node = next((child for child in children if isinstance(child, dict)), {})
        description = node.get("description", "")
    return node, description


def _branch(node: JsonSchema, keyword: str) -> JsonSchema:
    """The branch of a union that has a keyword, or the node itself if it is none or none has it."""
    branches = [node, *node.get("anyOf", [])]
    return next((branch for branch in branches if keyword in branch), node)


def _types(node: JsonSchema) -> list[str]:
    return [branch["type"] for branch in node.get("anyOf", [node]) if "type" in branch]


def _plain(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit
