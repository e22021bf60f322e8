"""The data of an experiment: how they are made, and as the dataset that is stored in `data.nc`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.problems.data_files import read_data_files, refusing_other_files
from svi_atlas.records import Problem


def make_data(
    problem: Problem, key: Any, settings: Mapping[str, Any], files: Iterable[str], where: str
) -> dict[str, Any]:
    """The data of an experiment: what the problem simulates, or what its data files hold.

    Parameters
    ----------
    problem
        Its function `simulate` makes the data; without one they are the arrays of the files, and the settings.
    key
        A JAX random key, for `simulate`.
    settings
        The experiment's `data`.
    files
        The files that it declares.
    where
        The experiment's file, as messages name it.

    Raises
    ------
    InputError
        If a file cannot be read, or the problem reads others.
    """
    folders = [text for text in settings.values() if isinstance(text, str) and Path(text).is_dir()]
    if problem.simulate is None:
        return _without_function(read_data_files(files), settings, where)
    with refusing_other_files([*files, *folders], where):
        return problem.simulate(key, settings)


def _without_function(
    arrays: Mapping[str, Any], settings: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """The arrays of the files together with the settings, which must be numbers, text or lists of them."""
    for name, value in settings.items():
        if name in arrays:
            raise InputError(
                f"{where}: key 'data.{name}': a data file has {name!r} too; rename one of the two"
            )
        if np.asarray(value).dtype.kind not in "iufbU":
            raise InputError(
                f"{where}: key 'data.{name}': without a function `simulate` it must be a number, a text or a list "
                f"of them, found {value!r}"
            )
    return {**arrays, **settings}


def to_dataset(arrays: Mapping[str, Any], experiment: str, source: str) -> xr.Dataset:
    """Arrays by name as variables, with a dimension `<name>_<axis>` for each of their axes.

    Parameters
    ----------
    arrays : as the problem simulated them.
    experiment, source : name of the experiment and origin of its problem, kept as attributes.
    """
    variables = {
        name: ([f"{name}_{axis}" for axis in range(np.ndim(value))], np.asarray(value))
        for name, value in arrays.items()
    }
    return xr.Dataset(variables, attrs={"experiment": experiment, "source": source})
