"""The spec of a job: its text, the files it names, and its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def canonical_json(spec: Mapping[str, Any]) -> str:
    """The spec as text: keys sorted, one top-level value per line, equal text for equal content."""
    lines = [f"{_json(key)}: {_json(value)}" for key, value in sorted(spec.items())]
    return "{\n " + ",\n ".join(lines) + "\n}\n"


_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False).encode


def digest(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_if_changed(path: str | Path, text: str) -> bool:
    """Write `text` atomically; a file that already holds it keeps its modification time."""
    path = Path(path)
    try:
        if path.read_text() == text:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    os.replace(temporary, path)
    return True


def input_files(spec_file: str | Path) -> list[str]:
    """Every file that the job of a spec reads."""
    return list(_files(json.loads(Path(spec_file).read_text())["inputs"]))


def _files(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    else:
        for entry in value.values() if isinstance(value, Mapping) else value:
            yield from _files(entry)
