"""The generated files of config/: its README.md and the JSON Schemas that editors use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from svi_atlas.configuration.experiment_models import ExperimentFile
from svi_atlas.configuration.json_schema import JsonSchema, json_schema
from svi_atlas.configuration.messages import TYPE_WORDS
from svi_atlas.configuration.models import Config, ExpectedFile
from svi_atlas.configuration.values import FileModel
from svi_atlas.guide_traits import AUTOGUIDES

FILES: dict[str, tuple[str, type[FileModel]]] = {
    "config": ("config.yaml", Config),
    "experiment": ("experiments/NAME.yaml", ExperimentFile),
    "expected": ("expected/NAME.yaml", ExpectedFile),
}
"""By kind of file, its place below config/ and its model."""

INTRODUCTION = """\
# Configuration

Generated from the models in `workflow/svi_atlas/configuration/` by `make docs`; do not edit.

- `config.yaml`: what `snakemake` runs. `smoke.yaml`, `lean.yaml` and `heavy_reduced.yaml` are
  overlays: `snakemake --configfile config/config.yaml config/smoke.yaml` runs the same graph on a
  tiny budget.
- `experiments/NAME.yaml`: one experiment: a problem, its data, and a grid of fits or a search.
- `expected/NAME.yaml`: published and exact values that `snakemake verify` compares an experiment
  with; optional.
- `schemas/`: JSON Schemas, so that an editor explains the keys and marks mistakes.

Files are YAML 1.2, so that `1e-3` is a number. Unknown keys are refused. Everything is checked
before any job starts.
"""

BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<="}


def generated_files() -> dict[str, str]:
    """The text of every generated file, by its path below config/."""
    schemas = {f"schemas/{kind}.schema.json": editor_schema(kind) for kind in FILES}
    return {"README.md": config_readme(), **schemas}


def editor_schema(kind: str) -> str:
    """The JSON Schema of a kind of file (a key of `FILES`), as text.

    Overlays share the schema of config.yaml, so that an editor asks for no key at its top level.
    """
    title, model = FILES[kind]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"SVI Atlas: config/{title}",
        **json_schema(model),
    }
    if kind == "config":
        del schema["required"]
    return json.dumps(schema, indent=2) + "\n"


def config_readme() -> str:
    """The text of config/README.md: key, meaning, allowed values and default of every key."""
    parts = [INTRODUCTION]
    for title, model in FILES.values():
        parts.append(f"\n## {title}\n\n| key | meaning | allowed | default |\n|---|---|---|---|\n")
        parts += [f"| {' | '.join(row)} |\n" for row in _rows(json_schema(model), "")]
    names = ", ".join(f"`{name}`" for name in AUTOGUIDES)
    parts.append(f"\nAutoguides known by name: {names}.\n")
    return "".join(parts)


def _rows(node: JsonSchema, prefix: str) -> Iterator[tuple[str, str, str, str]]:
    """One row per key below `node`, with the keys inside it after it."""
    for key, child in node.get("properties", {}).items():
        path = f"{prefix}{key}"
        default = "required" if key in node.get("required", []) else _default_text(child)
        yield f"`{path}`", child.get("description", ""), _allowed(child), default
        for branch in (child, *child.get("anyOf", [])):
            yield from _rows(branch, f"{path}.")
        yield from _rows(child.get("items", {}), f"{path}[].")
        for entry in child.get("patternProperties", {}).values():
            yield from _rows(entry, f"{path}.NAME.")


def _default_text(node: JsonSchema) -> str:
    if "default" not in node:
        return ""
    default = node["default"]
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _allowed(node: JsonSchema, plural: str = "") -> str:
    """The allowed values in words, such as "integer >= 1" or "list of numbers > 0"."""
    if "anyOf" in node:
        return " or ".join(_allowed(branch) for branch in node["anyOf"])
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    kind: str = node.get("type", "any value")
    if kind == "array":
        unique = ", no entry twice" if node.get("uniqueItems") else ""
        return f"list of {_allowed(node['items'], plural='s')}{unique}"
    limits = [f"{sign} {_number(node[bound])}" for bound, sign in BOUNDS.items() if bound in node]
    return " ".join([TYPE_WORDS.get(kind, kind) + plural, " and ".join(limits)]).rstrip()


def _number(limit: Any) -> Any:
    return int(limit) if float(limit).is_integer() else limit
