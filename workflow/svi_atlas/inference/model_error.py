"""Errors of the user's model and guide, told apart from faults of the machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ModelError(Exception):
    """The model or the guide raised: a result of the fit, not a fault of the machine."""


def compile_program(jitted: Any, *arguments: Any) -> tuple[Callable, Any]:
    """Compile a jitted function for its arguments.

    Returns the compiled program, and the shapes of its results. Raises ModelError with the message of
    what the model or the guide raises while it is traced.
    """
    try:
        lowered = jitted.lower(*arguments)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise ModelError(f"{type(error).__name__}: {_describe(error)}") from error
    return lowered.compile(), lowered.out_info


def _describe(error: Exception) -> str:
    """The error's message, or what is known of an error that has none."""
    if str(error).strip():
        return str(error).strip()
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    frame = traceback.tb_frame if traceback else None
    raised_by = type(frame.f_locals.get("self")).__name__ if frame else ""
    if frame and frame.f_code.co_name == "sample":
        return f"(no message) {raised_by} cannot be sampled, so there is nothing to draw from"
    return "(no message)"
