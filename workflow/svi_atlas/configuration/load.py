"""Loads the files below config/, checked and with defaults filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from svi_atlas.configuration.experiment_models import (
    AtMost,
    ExperimentFile,
    GridBlock,
    Nuts,
    SbcRefit,
    Search,
    SingleFit,
)
from svi_atlas.configuration.model_check import checked
from svi_atlas.configuration.models import Config, ExpectedFile, Override
from svi_atlas.configuration.yaml import read_yaml

Part = TypeVar("Part", ExperimentFile, GridBlock, SingleFit, SbcRefit)
"""What has a number of steps."""


def load_config(value: Any, where: str = "config/config.yaml") -> Config:
    """The global configuration from its parsed YAML. Raises InputError.

    `where` is the file named in messages. For truth values the words "true" and "false" will do:
    `snakemake --config strict=true` hands over a word.
    """
    config = checked(Config, value, where)
    return config.model_copy(update={"results": config.results.rstrip("/")})


def read_experiment(
    path: str | Path, override: Override | None = None, where: str = ""
) -> ExperimentFile:
    """One experiment's file with the global overrides. Raises InputError.

    `where` is how messages name the file, if not by its path.

    An override of `num_steps` or `num_draws` counts for every fit, also where the file gives a
    block or a fit a number of its own; `{at_most: N}` keeps its meaning with another N. An
    experiment with neither `grid` nor `search` gets a search.
    """
    experiment = checked(ExperimentFile, read_yaml(path), where or str(path))
    override = override or Override()
    given: dict[str, Any] = override.model_dump(exclude={"num_steps", "data"}, exclude_none=True)
    seeds: dict[str, Any] = {key: given.pop(key) for key in ("seeds",) if key in given}
    budget: dict[str, Any] = {key: given.pop(key) for key in ("budget",) if key in given}
    own: dict[str, Any] = {"num_draws": None} if "num_draws" in given else {}
    steps = override.num_steps
    search = experiment.search or (None if experiment.grid else Search())
    changes = {
        "data": {**experiment.data, **override.data.get(Path(path).stem, {})},
        "grid": [_changed(block, steps, seeds) for block in experiment.grid],
        "search": search and search.model_copy(update=seeds | budget),
        "nuts": experiment.nuts and _changed_nuts(experiment.nuts, seeds, override.budget),
        "single": {name: _changed(fit, steps, own) for name, fit in experiment.single.items()},
        "sbc": {name: _changed(refit, steps, own) for name, refit in experiment.sbc.items()},
    }
    return _changed(experiment, steps, given | changes)


def _changed(entry: Part, num_steps: int | None, changes: dict[str, Any]) -> Part:
    """The entry with the number of steps of an override, if it has one of its own, and changes.

    A refit gets one also if it has none: the experiment's may be `at_most`, which refits cannot be.
    """
    own = entry.num_steps
    if num_steps is not None and (own is not None or isinstance(entry, SbcRefit)):
        limited = isinstance(own, AtMost)
        changes = {**changes, "num_steps": AtMost(at_most=num_steps) if limited else num_steps}
    return entry.model_copy(update=changes)


def _changed_nuts(nuts: Nuts, seeds: dict[str, Any], limit: int | None) -> Nuts:
    """NUTS with the seeds of an override, and with budgets up to its `budget`."""
    budgets = sorted({budget if limit is None else min(budget, limit) for budget in nuts.budgets})
    return nuts.model_copy(update=seeds | {"budgets": budgets})


def load_expected(path: str | Path, where: str) -> list[dict[str, Any]]:
    """The rows of an experiment's table of expected values, with defaults. Raises InputError.

    `where` is the file named in messages. Numbers stay as they are written (0, not 0.0), since
    they are printed beside the results.
    """
    value = read_yaml(path)
    table = checked(ExpectedFile, value, where)
    return [
        {**row.model_dump(), **written}
        for row, written in zip(table.rows, value["rows"], strict=True)
    ]
