"""Data as models take them: arrays that are traced, and values that have to be known while tracing.

A compiled program takes the data as arguments, so that their values are unknown while a model is traced. Most
models need to know shapes alone. Others work something out from the values, such as the number of groups, with
NumPy or as the size of a plate: `SVI.run` takes these models, since there the data are constants. What such a
model needs is made static, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.infer.initialization import init_to_uniform

TEXT = "USO"
"""Kinds of NumPy arrays that JAX does not have: strings and objects."""


@jax.tree_util.register_pytree_node_class
class Data(dict[str, Any]):
    """Data by name. A pytree whose leaves are the arrays that are not static.

    static: the names of those that are, NumPy arrays and Python scalars.
    """

    def __init__(self, values: Mapping[str, Any], static: frozenset[str] = frozenset()):
        super().__init__(values)
        self.static = static

    @classmethod
    def for_model(cls, data: Mapping[str, Any], *functions: Callable) -> Data:
        """The data with as few static ones as models and guides need.

        The first of these choices is made with which none of the functions raises: text alone, also scalar
        integers, all integers and booleans, everything. If all raise, the first.
        """
        choices = list(_choices(data))
        for static in choices:
            candidate = cls(_concrete(data, static), static)
            if all(_can_be_traced(function, candidate) for function in functions):
                return candidate
        return cls(_concrete(data, choices[0]), choices[0])

    def replaced(self, values: Mapping[str, Any]) -> Data:
        """The data with some entries replaced by arrays."""
        return Data({**self, **values}, self.static - set(values))

    def converted(self, convert: Callable[[Any], Any]) -> Data:
        """The data with a function applied to all that are not static."""
        values = {
            name: value if name in self.static else convert(value) for name, value in self.items()
        }
        return Data(values, self.static)

    @property
    def size(self) -> int:
        """Number of values."""
        return sum(int(np.size(value)) for value in self.values())

    def tree_flatten(self):
        names = tuple(sorted(set(self) - self.static))
        fixed = tuple((name, _Constant(self[name])) for name in sorted(self.static))
        return tuple(self[name] for name in names), (names, fixed)

    @classmethod
    def tree_unflatten(cls, structure, leaves):
        names, fixed = structure
        constants = {name: constant.value for name, constant in fixed}
        values = {**dict(zip(names, leaves, strict=True)), **constants}
        return cls(dict(sorted(values.items())), frozenset(constants))


class _Constant:
    """A value that is compared with others by its content, as part of the structure of a pytree."""

    def __init__(self, value: Any):
        array = np.asarray(value)
        self.value = value
        content = repr(array.tolist()) if array.dtype.kind == "O" else array.tobytes()
        self._content = (type(value), array.dtype.str, array.shape, content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


def as_arrays(data: Mapping[str, Any]) -> Data:
    """Data as JAX arrays, but for those that are static; text always is."""
    if not isinstance(data, Data):
        text = next(_choices(data))
        data = Data(_concrete(data, text), text)
    return data.converted(jnp.asarray)


def num_not_finite(value: Any) -> int:
    """How many of the numbers of an array are not finite."""
    array = np.asarray(value)
    return int((~np.isfinite(array)).sum()) if array.dtype.kind in "fc" else 0


MAX_ROUNDING = 1e-3
"""Share of the standard deviation of an array by which 32 bits may round its values."""


CONSTANT = 1e-12
"""Values whose standard deviation is a smaller share of the largest are all the same."""


def faults_of_data(data: Mapping[str, Any]) -> dict[str, str]:
    """What may spoil a fit, in words, by name: values that are not finite, or that 32 bits cannot tell apart."""
    faults = {}
    for name, value in data.items():
        array = np.asarray(value)
        if missing := num_not_finite(array):
            faults[name] = (
                f"{missing} of {array.size} values are not finite: leave them out, or mask their observations with "
                "numpyro.handlers.mask"
            )
        elif (share := _rounding(array)) > MAX_ROUNDING:
            faults[name] = (
                f"32 bits, in which fits are computed, round its values by up to {share:.2g} of their standard "
                "deviation: subtract a constant from them, and from what the model expects"
            )
    return faults


def _rounding(array: np.ndarray) -> float:
    """The largest error by which 32 bits round the values, over their standard deviation."""
    if array.dtype.kind not in "fiu" or array.size < 2:
        return 0.0
    exact = array.astype(float)
    if not exact.std() > CONSTANT * np.abs(exact).max():
        return 0.0
    return float(np.abs(exact - exact.astype(np.float32)).max() / exact.std())


def _choices(data: Mapping[str, Any]) -> Iterator[frozenset[str]]:
    """Names of what may be static, from few to all."""
    arrays = {name: np.asarray(value) for name, value in data.items()}
    text = frozenset(name for name, array in arrays.items() if array.dtype.kind in TEXT)
    whole = {name for name, array in arrays.items() if array.dtype.kind in "iub"}
    counts = {name for name in whole if arrays[name].ndim == 0}
    yield text
    seen = text
    for more in (counts, whole, set(arrays)):
        if not seen >= more:
            seen = seen | more
            yield seen


def _concrete(data: Mapping[str, Any], static: frozenset[str]) -> dict[str, Any]:
    """Static values as NumPy arrays, and scalars as Python has them."""
    concrete = {}
    for name, value in data.items():
        array = np.asarray(value)
        is_scalar = name in static and array.ndim == 0
        concrete[name] = array.item() if is_scalar else array
    return concrete


def _can_be_traced(function: Callable, data: Data) -> bool:
    """Whether a model or guide raises nothing; computes nothing."""

    def trace(arrays: Data) -> None:
        seeded = handlers.seed(function, jax.random.PRNGKey(0))
        handlers.trace(handlers.substitute(seeded, substitute_fn=init_to_uniform())).get_trace(
            arrays
        )

    try:
        jax.eval_shape(trace, data.converted(jnp.asarray))
    except (MemoryError, OSError):
        raise
    except Exception:
        return False
    return True
