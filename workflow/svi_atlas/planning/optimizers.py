"""Checks the optimisers of a run before any job, in a process with JAX."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from svi_atlas.configuration import messages
from svi_atlas.configuration.cells import optimizer_entry
from svi_atlas.configuration.experiment_models import ExperimentFile
from svi_atlas.configuration.messages import KeyPath
from svi_atlas.errors import InputProblem
from svi_atlas.planning.code_digest import code_digest
from svi_atlas.planning.jax_process import ask
from svi_atlas.planning.job_spec import canonical_json, digest, write_if_changed

ALWAYS_GOOD = ("Adam", "ClippedAdam")
"""Optimisers that need no check if they have no options, so that most runs start no process for it."""

STEP_SIZE = "the step size is no option: remove it, the keys `step_sizes` and `step_size` give it"


def optimizer_problems(
    experiments: Mapping[str, ExperimentFile], shown: Mapping[str, str], cache: Path
) -> list[InputProblem]:
    """Every optimiser that cannot be made, with the reason.

    Answers are kept in `cache` by name, options and the code behind them with its pinned packages,
    so that an unchanged configuration costs nothing.

    Parameters
    ----------
    experiments
        What the files of the experiments say, by name.
    shown
        Their files, as named in messages.
    cache
        Folder of the answers.
    """
    used = [
        (shown[name], path, optimizer)
        for name, experiment in experiments.items()
        for path, optimizer in _optimizers(experiment)
        if optimizer["options"] or optimizer["name"] not in ALWAYS_GOOD
    ]
    twice = [
        messages.message("step_size_twice", file, (*path, "options", option), STEP_SIZE)
        for file, path, optimizer in used
        for option in ("step_size", "learning_rate")
        if option in optimizer["options"]
    ]
    reasons = [] if twice else _reasons([optimizer for _, _, optimizer in used], cache)
    return twice or [
        messages.message("bad_optimizer", file, path, reason)
        for (file, path, _), reason in zip(used, reasons, strict=True)
        if reason
    ]


def _optimizers(experiment: ExperimentFile) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Each optimiser of a file with its place."""
    yield ("optimizer",), optimizer_entry(experiment.optimizer)
    entries: list[tuple[KeyPath, Any]] = [
        *((("grid", index), block) for index, block in enumerate(experiment.grid)),
        *((("single", name), fit) for name, fit in experiment.single.items()),
        *((("sbc", name), refit) for name, refit in experiment.sbc.items()),
    ]
    for path, entry in entries:
        if entry.optimizer is not None:
            yield (*path, "optimizer"), optimizer_entry(entry.optimizer)


def _reasons(optimizers: list[dict[str, Any]], cache: Path) -> list[str]:
    """Why each optimiser cannot be made, or ""."""
    if not optimizers:
        return []
    code = code_digest("inference.optimizers")
    files = [
        cache / f"optimizer-{digest(canonical_json({'optimizer': optimizer, 'code': code}))}.json"
        for optimizer in optimizers
    ]
    missing = {
        file: optimizer
        for file, optimizer in zip(files, optimizers, strict=True)
        if not file.exists()
    }
    if missing:
        answers = ask("check-optimizers", json.dumps(list(missing.values())))
        for file, reason in zip(missing, answers, strict=True):
            write_if_changed(file, canonical_json({"reason": reason}))
    return [json.loads(file.read_text())["reason"] for file in files]
