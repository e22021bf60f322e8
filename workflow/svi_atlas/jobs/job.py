"""A job: one spec, the files it reads, the files it writes."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svi_atlas.results.paths import Layout
from svi_atlas.results.store import atomic_outputs

PER_MB = 1024 if sys.platform == "linux" else 1024**2
"""Units of the kernel's peak memory in a MB."""


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
    """Run a stage function; its outputs appear only if it succeeds and its spec is still current.

    What it cost goes to the results' `costs` folder, in a file named as the spec is.
    """
    started = time.perf_counter()
    text = spec_file.read_text()
    with atomic_outputs(outputs, spec_file, text) as temporary:
        stage(Job(json.loads(text), text, inputs, temporary, threads))
    _record_cost(Layout.cost(spec_file), time.perf_counter() - started)


def _record_cost(file: Path, seconds: float) -> None:
    """Seconds, CPU seconds and peak memory of this process, or its largest child, as JSON."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost = {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in used), 3),
        "peak_mb": round(max(one.ru_maxrss for one in used) / PER_MB, 1),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(cost) + "\n")
