"""Loads the files below config/, checked and with defaults filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svi_atlas.configuration.experiment_models import ExperimentFile
from svi_atlas.configuration.model_check import checked
from svi_atlas.configuration.models import Config, ExpectedFile, Override
from svi_atlas.configuration.yaml import read_yaml


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
    block or a fit a number of its own.
    """
    experiment = checked(ExperimentFile, read_yaml(path), where or str(path))
    override = override or Override()
    given: dict[str, Any] = override.model_dump(exclude={"seeds", "data"}, exclude_none=True)
    own_steps: dict[str, Any] = {key: None for key in ("num_steps",) if key in given}
    own: dict[str, Any] = {key: None for key in ("num_steps", "num_draws") if key in given}
    seeds: dict[str, Any] = {} if override.seeds is None else {"seeds": override.seeds}
    changes = {
        "data": {**experiment.data, **override.data.get(Path(path).stem, {})},
        "grid": [block.model_copy(update=seeds | own_steps) for block in experiment.grid],
        "single": {name: fit.model_copy(update=own) for name, fit in experiment.single.items()},
        "sbc": {name: refit.model_copy(update=own) for name, refit in experiment.sbc.items()},
    }
    return experiment.model_copy(update=given | changes)


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
