"""Models and guides of any signature, called with the data by name as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

WHOLE = "data"
"""A parameter of this name takes all data."""


def takes_data(function: Callable) -> Callable:
    """A model or guide as a function of all data.

    A function of one parameter, called `data` or as none of the data, takes them all. Any other takes those
    that its parameters are named after, such as `model(x, y=None)`; parameters with a default value may be
    missing from the data.

    Returns
    -------
    The function itself if it takes all data anyway; else one with the same name.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a callable that does not tell
        return function
    if list(parameters) == [WHOLE] or not all(p.kind in NAMED for p in parameters.values()):
        return function

    @functools.wraps(function)
    def by_name(data: Mapping[str, Any] | None) -> Any:
        values = data or {}
        if data is None and len(parameters) != 1:
            raise TypeError(f"{_name(function)}() takes its data by name, and there are none")
        required = [n for n, p in parameters.items() if p.default is inspect.Parameter.empty]
        missing = [name for name in required if name not in values]
        if len(parameters) == len(missing) == 1 or (len(missing) == 1 and missing == [WHOLE]):
            return function(data)
        if missing:
            raise TypeError(
                f"{_name(function)}() asks for {_quote(missing)}, which is none of the data "
                f"({_quote(values) or 'there are none'}); name its parameters after the data, or let it "
                "take them all as `data`"
            )
        return function(**{name: values[name] for name in parameters if name in values})

    by_name.__signature__ = inspect.Signature([inspect.Parameter(WHOLE, NAMED[0])])  # type: ignore[attr-defined]
    return by_name


def _name(function: Callable) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _quote(names: Any) -> str:
    return ", ".join(repr(name) for name in names)
