"""A job: one spec, which names its settings and the files that it reads and writes."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svi_atlas.results.paths import Paths, beside_spec
from svi_atlas.results.store import atomic_outputs, read_dataset

if TYPE_CHECKING:
    import xarray as xr

PER_MB = 1024 if sys.platform == "linux" else 1024**2
"""Units in which the kernel counts peak memory, per megabyte."""


@dataclass(frozen=True)
class Job:
    """What a stage is given.

    Attributes
    ----------
    spec, spec_file, spec_text
        The spec, the file it was read from, and its text, which goes into every result.
    inputs
        The files that the job reads, by name.
    outputs
        Temporary paths to write to, renamed when the stage has finished.
    """

    spec: dict[str, Any]
    spec_file: Path
    spec_text: str
    inputs: dict[str, Paths]
    outputs: dict[str, Path]

    def dataset(self, name: str, group: str | None = None) -> xr.Dataset | None:
        """The dataset behind an input, or one group of it; None if the job has no such input."""
        return read_dataset(self.inputs[name], group) if name in self.inputs else None

    @property
    def scratch(self) -> dict[str, Path]:
        """Files and folders that outlive an interrupted job, such as its checkpoint."""
        return {name: Path(path) for name, path in self.spec.get("scratch", {}).items()}


def run(spec_file: Path) -> None:
    """Run the job of a spec.

    Its outputs appear only if it succeeds and its spec is still current. What it cost is recorded
    in a file beside the spec.
    """
    started = time.perf_counter()
    text = spec_file.read_text()
    spec = json.loads(text)
    stage = importlib.import_module(f"svi_atlas.jobs.stages.{spec['stage']}")
    outputs = {name: Path(path) for name, path in spec["outputs"].items()}
    with atomic_outputs(outputs, spec_file, text) as temporary:
        stage.run(Job(spec, spec_file, text, spec["inputs"], temporary))
    _record_cost(spec_file, spec["stage"], time.perf_counter() - started)


def _record_cost(spec_file: Path, stage: str, seconds: float) -> None:
    """Seconds, CPU seconds and peak memory of this process, or of its largest child, as JSON."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cost = {
        "stage": stage,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in usage), 3),
        "peak_mb": round(max(one.ru_maxrss for one in usage) / PER_MB, 1),
    }
    file = beside_spec(spec_file, "costs", ".json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(cost) + "\n")
