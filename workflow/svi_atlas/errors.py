"""Errors meant for the user: what is wrong, where, what is allowed, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class InputProblem:
    """One thing that is wrong in what the user wrote.

    Parameters
    ----------
    code
        A stable word for the kind of problem, such as "unknown_key" or "too_small".
    file
        The file it is in, as named in the message ("" if it is in none).
    key
        The place in the file, such as "grid[0].seeds" ("" for the whole file).
    text
        The message, one line.
    """

    code: str
    file: str
    key: str
    text: str


class InputError(Exception):
    """Something the user wrote (configuration, problem file, published values) cannot be used."""

    def __init__(self, message: str | InputProblem, *more: InputProblem) -> None:
        super().__init__(message, *more)
        first = message if isinstance(message, InputProblem) else _uncoded(message)
        self.problems: tuple[InputProblem, ...] = (first, *more)

    def __str__(self) -> str:
        return "\n".join(problem.text for problem in self.problems)


def wrong_key(code: str, file: str, key: str, message: str) -> InputError:
    """The error for one key of a file (see InputProblem)."""
    return InputError(InputProblem(code, file, key, f"{file}: key {key!r}: {message}"))


def refuse(problems: Iterable[InputProblem]) -> None:
    """Raise InputError with all problems, each on a line of its own, if there are any."""
    collected = tuple(problems)
    if collected:
        raise InputError(*collected)


def _uncoded(message: str) -> InputProblem:
    return InputProblem("input", "", "", message)


class StaleSpecError(Exception):
    """A job's spec changed while it ran; its result would be out of date and is thrown away."""
