"""Optimisers by name: those of NumPyro that take a step size, and any of optax."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import jax.numpy as jnp
import optax
from numpyro import optim

from svi_atlas.errors import InputError

OPTAX = "optax."
"""Start of the name of an optimiser of optax, such as `optax.adamw`."""

NUMPYRO_OPTIMIZERS = (
    "Adagrad",
    "Adam",
    "ClippedAdam",
    "Momentum",
    "RMSProp",
    "RMSPropMomentum",
    "SGD",
)
"""NumPyro's optimisers that take a step size, but for SM3, which no compiled loop can hold."""


@dataclass(frozen=True)
class Optimizer:
    """An optimiser by name, with options; hashable.

    options: keyword arguments as JSON, without the step size.
    """

    name: str = "Adam"
    options: str = "{}"

    @classmethod
    def from_dict(cls, optimizer: Mapping[str, Any]) -> Optimizer:
        """From the keys `name` and `options`."""
        return cls(optimizer["name"], json.dumps(optimizer["options"], sort_keys=True))

    def make(self, step_size: Any) -> optim._NumPyroOptim:
        """The optimiser with a step size, a number (it may be traced) or a function of the step."""
        return make_optimizer(self.name, json.loads(self.options), step_size)


def make_optimizer(name: str, options: Mapping[str, Any], step_size: Any) -> optim._NumPyroOptim:
    """An optimiser with a step size.

    Parameters
    ----------
    name
        One of NUMPYRO_OPTIMIZERS, or `optax.` and the name of an optimiser there.
    options
        Further keyword arguments.
    step_size
        A number (it may be traced), or a function of the number of steps done.

    Raises
    ------
    InputError
        If there is no such optimiser, or it has no such options.
    """
    if name.startswith(OPTAX):
        transformation = _optax_optimizer(name)
        return optim.optax_to_numpyro(
            _call(transformation, name, {**options, "learning_rate": step_size})
        )
    if name not in NUMPYRO_OPTIMIZERS:
        raise InputError(
            f"there is no optimiser {name!r}{_did_you_mean(name, NUMPYRO_OPTIMIZERS)}; NumPyro has "
            f"{', '.join(NUMPYRO_OPTIMIZERS)}, and those of optax are named as in 'optax.adamw'"
        )
    return _call(getattr(optim, name), name, {**options, "step_size": step_size})


def check_optimizer(name: str, options: Mapping[str, Any]) -> None:
    """Try an optimiser on one parameter. Raises InputError with what is wrong."""
    optimizer = make_optimizer(name, options, 0.1)
    try:
        state = optimizer.init({"x": jnp.zeros(2)})
        _, state = optimizer.eval_and_update(lambda x: ((x["x"] ** 2).sum(), None), state)
        optimizer.get_params(state)
    except Exception as error:
        raise InputError(f"the optimiser {name!r} cannot be used: {error}") from error


def _optax_optimizer(name: str) -> Callable:
    found = getattr(optax, name.removeprefix(OPTAX), None)
    if not _takes_learning_rate(found):
        known = [
            f"{OPTAX}{each}" for each in dir(optax) if _takes_learning_rate(getattr(optax, each))
        ]
        raise InputError(
            f"optax has no optimiser {name!r}{_did_you_mean(name, known)}; those with a learning rate "
            f"are {', '.join(known)}"
        )
    return found


def _takes_learning_rate(found: Any) -> TypeGuard[Callable]:
    return inspect.isfunction(found) and "learning_rate" in inspect.signature(found).parameters


def _call(make: Callable, name: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return make(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the optimiser {name!r} cannot be made with these options: {error}"
        ) from None


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
