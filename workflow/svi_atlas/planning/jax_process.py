"""Questions to the library that need JAX, which planning itself does not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from svi_atlas.errors import InputError


def ask(*command: str) -> Any:
    """The answer of a command of `svi-atlas` in a process with JAX: the JSON of its last line.

    Raises
    ------
    InputError
        With the message of the command, if it fails.
    """
    process = subprocess.run(
        [sys.executable, "-m", "svi_atlas", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )
    if process.returncode:
        raise InputError(process.stderr.strip())
    return json.loads(process.stdout.splitlines()[-1])
