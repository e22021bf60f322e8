"""Parameters of a guide that its draws do not depend on smoothly, such as the weight of a mixture.

NumPyro's `Trace_ELBO` differentiates through the draws and has no score-function term. A parameter that only
chooses among draws gets a gradient of mean zero from it, and walks at random.

References
----------
Mohamed, Rosca, Figurnov, Mnih (2020), "Monte Carlo gradient estimation in machine learning", sections 4
and 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import handlers
from numpyro.distributions import Distribution, biject_to, constraints

MOVE = 0.1
"""By how much each parameter is moved, without constraint, to see what it changes."""


def not_reparametrised(guide: Callable, data: Mapping[str, Any], key: jax.Array) -> dict[str, str]:
    """Parameters of a guide that its draws do not depend on smoothly.

    Parameters
    ----------
    guide
        Called as guide(data).
    data
        Arrays by name.
    key
        Of one draw from the guide.

    Returns
    -------
    The site whose draws each of them chooses, by name of the parameter.
    """
    trace = _trace(guide, data, key, {})
    sites = [name for name, site in trace.items() if _is_latent(site) and _choosing(site["fn"])]
    found: dict[str, str] = {}
    for name, site in trace.items():
        if site["type"] != "param" or not sites:
            continue
        transform = biject_to(site["kwargs"].get("constraint", constraints.real))
        moved = jax.tree.map(  # the weights of a network are a nested dict
            lambda leaf, to=transform: to(to.inv(jnp.asarray(leaf)) + MOVE), site["value"]
        )
        other = _trace(guide, data, key, {name: moved})
        for place in sites:
            before, after = _choosing(trace[place]["fn"]), _choosing(other[place]["fn"])
            if any(map(_differ, before, after)):
                found.setdefault(name, place)
    return found


def _trace(guide, data, key, params: Mapping[str, Any]) -> dict[str, Any]:
    filled = handlers.substitute(handlers.seed(guide, key), data=params)
    return handlers.trace(filled).get_trace(data)


def _is_latent(site) -> bool:
    return site["type"] == "sample" and not site["is_observed"]


def _choosing(distribution: Distribution) -> list[Any]:
    """Arguments of a distribution that its draws do not depend on smoothly."""
    return list(_arguments(distribution))


def _arguments(distribution: Distribution) -> Iterator[Any]:
    if hasattr(distribution, "mixing_distribution"):
        yield distribution.mixing_distribution.probs
        return
    inner = getattr(distribution, "base_dist", None)
    if isinstance(inner, Distribution):
        yield from _arguments(inner)
        return
    smooth = distribution.reparametrized_params
    for name in distribution.arg_constraints:
        if name not in smooth and getattr(distribution, name, None) is not None:
            yield getattr(distribution, name)


def _differ(one: Any, other: Any) -> bool:
    return not np.array_equal(np.asarray(one), np.asarray(other))
