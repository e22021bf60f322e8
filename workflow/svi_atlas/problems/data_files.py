"""Arrays from data files, and the files that a problem reads without saying so."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.locations import PACKAGE

FORMATS = (".csv", ".tsv", ".txt", ".parquet", ".nc", ".npz", ".npy")
"""Endings of the files whose arrays become data by themselves."""


def read_data_files(files: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays of all files by name.

    Columns of CSV (whatever divides them) and Parquet, variables of netCDF, arrays of `.npz`; a `.npy` is named
    after its file.

    Raises
    ------
    InputError
        If a file cannot be read, two of them have an array of the same name, or a column is neither of numbers
        nor of text.
    """
    arrays: dict[str, np.ndarray] = {}
    origin: dict[str, str] = {}
    for file in files:
        for name, array in _read(Path(file)).items():
            if name in origin:
                raise InputError(
                    f"{file}: it has {name!r}, as {origin[name]} has; rename one of the two"
                )
            arrays[name], origin[name] = _plain(array, name, file), file
    return arrays


def _read(file: Path) -> dict[str, np.ndarray]:
    readers: Mapping[str, Callable[[Path], dict[str, np.ndarray]]] = {
        ".parquet": lambda path: _columns(pd.read_parquet(path)),
        ".nc": _variables,
        ".npz": lambda path: dict(np.load(path, allow_pickle=False)),
        ".npy": lambda path: {path.stem: np.load(path, allow_pickle=False)},
    }
    reader = readers.get(file.suffix.lower(), lambda path: _columns(_read_text(path)))
    try:
        return reader(file)
    except Exception as error:
        raise InputError(f"{file}: reading it raised {type(error).__name__}: {error}") from error


def _read_text(path: Path) -> pd.DataFrame:
    separators = {".tsv": "\t"}
    separator = separators.get(path.suffix.lower()) or _separator(path)
    return pd.read_csv(path, sep=separator, skipinitialspace=True, comment="#")


def _separator(path: Path) -> str:
    """The one that the first line has most of; a comma if it has none."""
    with path.open() as lines:
        header = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    return max(",;\t|", key=header.count)


def _columns(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {str(name): column.to_numpy() for name, column in table.items()}


def _variables(path: Path) -> dict[str, np.ndarray]:
    with xr.open_dataset(path) as dataset:
        return {str(name): values.to_numpy() for name, values in dataset.variables.items()}


def _plain(array: np.ndarray, name: str, file: str) -> np.ndarray:
    """Numbers, truth values or text as NumPy has them; missing text is an empty one."""
    if array.dtype.kind in "iufbU":
        return array
    if array.dtype.kind == "O":
        filled = ["" if pd.isna(value) else value for value in array.ravel()]
        if all(isinstance(value, str) for value in filled):
            return np.array(filled).reshape(array.shape)
    raise InputError(
        f"{file}: {name!r} holds {array.dtype.name}, and neither numbers nor text alone; convert the column"
    )


CACHES = ("JAX_COMPILATION_CACHE_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")
"""Environment variables with folders in which libraries keep what they have made."""

SYSTEM = ("/proc/", "/sys/", "/dev/", "/etc/", "/usr/")
"""Folders of the machine, which are no data."""


@contextmanager
def refusing_other_files(allowed: Iterable[str], where: str) -> Iterator[None]:
    """Refuse to open files that are not declared: of an edit of these, no run would know.

    Code and installed packages may be read, hidden files and caches, what the problem has written itself, and
    folders that are allowed with all that is in them. What a library opens by itself, without Python's `open`, is not seen: Parquet and netCDF.

    Raises
    ------
    InputError
        Names the file, and the key that declares it.
    """
    guard = _Guard({Path(path).resolve() for path in allowed}, where)
    sys.addaudithook(guard)  # which stays for good, so that it is switched off afterwards
    try:
        yield
    finally:
        guard.active = False
    if guard.refused:  # the problem may have swallowed the error
        raise InputError(guard.message(guard.refused[0]))


class _Guard:
    def __init__(self, allowed: set[Path], where: str):
        self.active = True
        self.refused: list[str] = []
        self._allowed, self._where = allowed, where
        own = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), str(PACKAGE)}
        own |= {os.environ[name] for name in CACHES if os.environ.get(name)}
        self._installed = {Path(path).resolve() for path in own}

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active or event != "open" or not isinstance(arguments[0], str):
            return
        path, mode, flags = arguments
        writes = set(mode) - set("rbtU") if mode else flags & (os.O_WRONLY | os.O_RDWR)
        if writes:
            self._allowed.add(Path(path).resolve())  # what it writes it may read again
            return
        self.active = False  # what follows opens nothing that matters
        try:
            refused = self._is_refused(Path(path))
        finally:
            self.active = True
        if refused:
            self.refused.append(path)
            raise InputError(self.message(path))

    def message(self, path: str) -> str:
        return (
            f"{self._where}: the problem reads {path}, of which the experiment says nothing, so that an edit of "
            f"it would go unnoticed; add it to the experiment, `data_files: [{path}]`"
        )

    def _is_refused(self, path: Path) -> bool:
        full = path.resolve()
        if not full.is_file() or full.suffix in (".py", ".pyc"):
            return False
        here = Path.cwd()
        parts = (full.relative_to(here) if full.is_relative_to(here) else full).parts
        if any(part.startswith(".") for part in parts):  # settings and caches of libraries
            return False
        within = {full, *full.parents}
        if within & self._allowed or within & self._installed:
            return False
        return not str(full).startswith(SYSTEM)
