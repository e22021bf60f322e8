"""Writes the documents that are generated from the code, so that they never contradict it."""

from __future__ import annotations

from pathlib import Path

from svi_atlas.configuration.reference import generated_files
from svi_atlas.planning.job_spec import write_if_changed
from svi_atlas.results.columns import columns_page


def documents() -> dict[str, str]:
    """The text of every generated document, by its path below the project."""
    configuration = {f"config/{name}": text for name, text in generated_files().items()}
    return {**configuration, "docs/columns.md": columns_page()}


def generate(project: Path) -> None:
    """Write every generated document below `project`; unchanged ones keep their modification time."""
    for name, text in documents().items():
        write_if_changed(project / name, text)
