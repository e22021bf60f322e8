"""A job: one spec, the files it reads, the files it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svi_atlas.store import published


@dataclass(frozen=True)
class Job:
    """What a stage is given. `outputs` are temporary paths, renamed when the stage is done."""

    spec: dict[str, Any]
    spec_text: str
    inputs: dict[str, Path]
    outputs: dict[str, Path]
    threads: int

    @property
    def results(self) -> str:
        """The results folder, for stages that read many files of an experiment."""
        return str(self.inputs["results"])


def run(
    stage, spec_file: Path, inputs: dict[str, Path], outputs: dict[str, Path], threads: int
) -> None:
    """Run a stage function; its outputs appear only if it succeeds and its spec is still current."""
    text = spec_file.read_text()
    with published(outputs, spec_file, text) as temporary:
        stage(Job(json.loads(text), text, inputs, temporary, threads))
