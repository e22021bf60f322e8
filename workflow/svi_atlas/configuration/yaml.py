"""Reads YAML 1.2 files, in which 1e-4 is a number and `no` is a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from svi_atlas.errors import InputError, InputProblem


def read_yaml(path: str | Path) -> Any:
    """Parse a YAML 1.2 file. Raises InputError naming file and line."""
    path = Path(path)
    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise InputError(InputProblem("no_file", str(path), "", f"{path}: no such file")) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise _unreadable(path, f"{line} not readable as YAML: {error.problem}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise _unreadable(path, f" not readable as YAML: {error}") from None


def _unreadable(path: Path, text: str) -> InputError:
    return InputError(InputProblem("unreadable_yaml", str(path), "", f"{path}:{text}"))
