"""Checks that a study of the verdict fits exactly the posteriors that were listed before its first run."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from svi_atlas.configuration import messages
from svi_atlas.configuration.cells import Experiment
from svi_atlas.errors import InputProblem


def study_problems(experiments: Mapping[str, Experiment], project: Path) -> Iterator[InputProblem]:
    """Every study whose list of posteriors is missing, has changed, or is not what is fitted.

    Parameters
    ----------
    experiments
        The experiments of the run by name.
    project
        The folder that the lists' paths are relative to.
    """
    for experiment in experiments.values():
        if experiment.study:
            for key, text in _problems(experiment, project):
                yield messages.message("study", experiment.file, ("study", key), text)


def _problems(experiment: Experiment, project: Path) -> Iterator[tuple[str, str]]:
    """Key and text of what is wrong with one study."""
    assert experiment.study is not None
    name, digest = experiment.study["posteriors"], experiment.study["sha256"]
    file = project / name
    if not file.is_file():
        yield (
            "posteriors",
            f"there is no file {name}; list the posteriors there before the first fit",
        )
        return
    content = file.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        yield (
            "sha256",
            f"the SHA-256 of {name} is {found}: the list is not the one that was fixed before the "
            "first fit; restore it, or begin a new study",
        )
        return
    rows = csv.DictReader(content.decode().splitlines())
    listed = {row["model"] for row in rows if row["experiment"] == experiment.name}
    fitted = {cell.model for cell in experiment.cells}
    if missing := sorted(listed - fitted):
        yield (
            "posteriors",
            f"{name} lists {', '.join(missing)}, which `grid` does not fit; add them",
        )
    if more := sorted(fitted - listed):
        yield (
            "posteriors",
            f"`grid` fits {', '.join(more)}, which {name} does not list; remove them",
        )
