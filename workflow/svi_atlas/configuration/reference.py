"""config/README.md, made from the schemas, so that every key is described in one place."""

from __future__ import annotations

from typing import Any

from svi_atlas.configuration.experiment import AUTOGUIDES
from svi_atlas.configuration.schema import schema

INTRODUCTION = """\
# Configuration

Made from `workflow/schemas/` by `make docs`; do not edit.

- `config.yaml`: what `snakemake` runs. `smoke.yaml`: an overlay with the same graph on a tiny budget.
- `experiments/NAME.yaml`: one experiment: a problem, its data, a grid of fits.
- `expected/NAME.yaml`: published and exact values that `snakemake verify` compares an experiment
  with; optional.

Files are YAML 1.2, so that `1e-3` is a number. Unknown keys are refused. Everything is checked
before any job starts.
"""


def config_readme() -> str:
    """The text of config/README.md."""
    parts = [INTRODUCTION]
    for title, name in (
        ("config.yaml", "config"),
        ("experiments/NAME.yaml", "experiment"),
        ("expected/NAME.yaml", "expected"),
    ):
        rows = _rows(schema(name), "")
        parts.append(
            f"\n## {title}\n\n| key | meaning | allowed | default |\n|---|---|---|---|\n"
            + "".join(f"| {' | '.join(row)} |\n" for row in rows)
        )
    parts.append(f"\nAutoguides known by name: {', '.join(f'`{name}`' for name in AUTOGUIDES)}.\n")
    return "".join(parts)


def _rows(node: dict[str, Any], prefix: str) -> list[tuple[str, str, str, str]]:
    rows = []
    for key, child in node.get("properties", {}).items():
        default = "required" if key in node.get("required", []) else _shown(child.get("default"))
        path = f"{prefix}{key}"
        rows.append((f"`{path}`", child.get("description", ""), _allowed(child), default))
        inner = child.get("items", {})
        if inner.get("properties"):
            rows += _rows(inner, f"{path}[].")
        named = child.get("additionalProperties")
        rows += (
            _rows(named, f"{path}.NAME.") if isinstance(named, dict) else _rows(child, f"{path}.")
        )
    return rows


def _shown(default: Any) -> str:
    return (
        "" if default is None else f"`{default}`".replace("True", "true").replace("False", "false")
    )


def _allowed(node: dict[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    kinds = node.get("type", "any")
    words = [" or ".join([kinds] if isinstance(kinds, str) else kinds)]
    bounds = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<="}
    words += [f"{sign} {node[key]}" for key, sign in bounds.items() if key in node]
    items = node.get("items", {})
    if "type" in items and items["type"] != "object":
        inner = [f"{sign} {items[key]}" for key, sign in bounds.items() if key in items]
        words.append(" ".join(["of", items["type"], *inner]))
    if node.get("uniqueItems"):
        words.append("no entry twice")
    return ", ".join(words)
