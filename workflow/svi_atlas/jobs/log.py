"""What a job reports while it runs."""

from __future__ import annotations

import sys


def report(line: str) -> None:
    """Write a line to the job's log, its standard error, at once."""
    print(line, file=sys.stderr, flush=True)
