"""Loop-invariant code motion of the random numbers.

Splits a function of a random key into what depends on the key alone and the rest. The former can then
be computed for many steps at once, ahead of the loop over steps, and once for all step sizes of a seed.
Uses JAX's partial evaluation, and does nothing but trace: the arithmetic stays the same.

Measured gain of a block of steps at once: 17,319 -> 13,873 ns (coin, Beta guide, 32 particles); of the
step sizes sharing it: -> 5,782 ns. Nothing is split outside `accelerated`, nor with a JAX version that
was not tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax._src import core
from jax._src.interpreters import partial_eval
from jax.extend.core import jaxpr_as_fun

from svi_atlas.inference.acceleration.switch import is_active


def split_by_key(function: Callable, key, *others) -> tuple[Callable, Callable]:
    """Split a function into (noise, finish) with finish(noise(key), *others) = function(key, *others).

    Parameters
    ----------
    function
        A pure function of a key and `others`.
    key
        Random key, uint32 (2,).
    others
        Arrays or pytrees of them; like the key they are used for their shapes only.

    Returns
    -------
    noise
        noise(key) is a list of arrays, each of which depends on the key. It is the key itself where
        this part of the acceleration is not in force.
    finish
        finish(noise, *others) has the results of `function`.
    """
    if not is_active("hoist"):
        return (lambda key: [key]), (lambda noise, *others: function(noise[0], *others))
    traced, shapes = jax.make_jaxpr(function, return_shape=True)(key, *others)
    unknown = [False] + [True] * (len(traced.in_avals) - 1)
    known, rest, _, _ = partial_eval.partial_eval_jaxpr_nounits(traced, unknown, instantiate=True)
    before, after = jaxpr_as_fun(known), jaxpr_as_fun(rest)

    random = set(known.jaxpr.invars)
    for equation in known.jaxpr.eqns:
        if any(_in(random, variable) for variable in equation.invars):
            random.update(equation.outvars)
    outputs = known.jaxpr.outvars
    needed = list(dict.fromkeys(out for out in outputs if _in(random, out)))
    first = [outputs.index(out) for out in needed]

    def noise(key) -> list[jax.Array]:
        values = before(key)
        return [values[index] for index in first]

    def finish(noise: list[jax.Array], *others) -> Any:
        by_name = dict(zip(needed, noise, strict=True))
        constants = before(jnp.zeros_like(key))
        residuals = [
            by_name[out] if _in(random, out) else constant
            for out, constant in zip(outputs, constants, strict=True)
        ]
        return jax.tree.unflatten(
            jax.tree.structure(shapes), after(*residuals, *jax.tree.leaves(others))
        )

    return noise, finish


def largest_array(function: Callable, *arguments) -> int:
    """Elements of the largest array made inside `function`; 0 where this part is not in force."""
    if not is_active("hoist"):
        return 0
    return _largest(jax.make_jaxpr(function)(*arguments).jaxpr)


def _largest(jaxpr) -> int:
    inside = [_largest(inner) for inner in core.subjaxprs(jaxpr)]
    made = [getattr(out.aval, "size", 0) for equation in jaxpr.eqns for out in equation.outvars]
    return max([0, *inside, *made])


def _in(variables: set, variable) -> bool:
    return not isinstance(variable, core.Literal) and variable in variables
