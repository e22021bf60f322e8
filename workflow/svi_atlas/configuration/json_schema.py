"""The JSON Schema of a file's model, written out without references."""

from __future__ import annotations

from functools import cache
from typing import Any

from svi_atlas.configuration.values import FileModel

JsonSchema = dict[str, Any]


@cache
def json_schema(model: type[FileModel]) -> JsonSchema:
    """The schema of a model; every nested model is written where it is used."""
    generated = model.model_json_schema()
    schema: JsonSchema = _written_out(generated, generated.pop("$defs", {}))
    return schema


def _written_out(node: Any, definitions: dict[str, Any]) -> Any:
    """`node` with its references resolved, and without the titles that pydantic generates."""
    if isinstance(node, list):
        return [_written_out(entry, definitions) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        definition = definitions[node["$ref"].rpartition("/")[2]]
        node = definition | {key: value for key, value in node.items() if key != "$ref"}
    written = {
        key: _written_out(value, definitions)
        for key, value in node.items()
        if key not in ("title", "default", "properties")
    }
    if node.get("default") is not None:
        written["default"] = {} if "properties" in node else node["default"]
    if "properties" in node:
        written["properties"] = {
            name: _written_out(child, definitions) for name, child in node["properties"].items()
        }
    if "patternProperties" in node:
        written["additionalProperties"] = False
    return written
