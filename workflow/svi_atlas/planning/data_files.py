"""The files that an experiment's data come from: where they are, and what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from svi_atlas.configuration import messages
from svi_atlas.errors import InputProblem, refuse
from svi_atlas.problems.data_files import FORMATS


def find_data_files(names: Sequence[str], experiment_file: Path, where: str) -> tuple[str, ...]:
    """The files that the key `data_files` names, as paths relative to the working directory.

    Parameters
    ----------
    names : as the experiment gives them: relative to its own file, or else to the working directory.
    experiment_file : the experiment's file.
    where : how messages name it.

    Raises
    ------
    InputError
        Names every file that does not exist.
    """
    found, problems = [], []
    for index, name in enumerate(names):
        candidates = [experiment_file.parent / name, Path(name)]
        file = next((path for path in candidates if path.is_file()), None)
        if file is None:
            tried = " nor ".join(dict.fromkeys(_relative(path) for path in candidates))
            text = f"there is no file {tried}; give a path relative to this file"
            problems.append(messages.message("no_file", where, ("data_files", index), text))
        else:
            found.append(_relative(file))
    refuse(problems)
    return tuple(found)


def unreadable(files: Sequence[str], has_simulate: bool, where: str) -> Iterator[InputProblem]:
    """Data files of a kind that nobody reads: the problem has no function `simulate` that could."""
    for index, file in enumerate(files):
        if not has_simulate and Path(file).suffix.lower() not in FORMATS:
            text = (
                f"{file} cannot be read, known are {', '.join(FORMATS)}; convert it, or give the problem a "
                "function `simulate` that reads it"
            )
            yield messages.message("unknown_format", where, ("data_files", index), text)


def digests(files: Sequence[str], settings: Any) -> dict[str, str]:
    """SHA-256 of each data file, and of each file that the settings of the data name, by path."""
    named = [*files, *(text for text in _texts(settings) if Path(text).is_file())]
    return {
        file: hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in sorted(set(named))
    }


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if 0 < len(value) < 1000 and "\0" not in value:
            yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _relative(path: Path) -> str:
    """The path from the working directory, without `..` in the middle."""
    return os.path.relpath(path)
