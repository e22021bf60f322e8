"""A model whose density is random: with the same values of its sites it is another one each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import Array, UInt32
from numpyro import handlers
from numpyro.primitives import Messenger

RANDOM_DENSITY = (
    "the model draws random numbers outside of its sample sites (numpyro.prng_key): its density is random, and "
    "no fit can be judged by it; choose minibatches with numpyro.plate(..., subsample_size=...), and make every "
    "other random number a sample site"
)


def is_random(
    model: Callable,
    data: Mapping[str, Any],
    trace: Mapping[str, Any],
    key: UInt32[Array, 2],
) -> bool:
    """Whether a model draws random numbers of its own even if the values of all its sites are given.

    A neural network that asks for a key to find its first weights does not: they are a parameter then.

    Parameters
    ----------
    model, data : the model is called as model(data).
    trace : of the model, with a value for every latent site and parameter.
    key : for what the model draws.
    """
    given = {
        name: site["value"]
        for name, site in trace.items()
        if site["type"] in ("sample", "param") and not site.get("is_observed")
    }
    watched = _AsksForKey(model)
    handlers.trace(handlers.seed(handlers.substitute(watched, data=given), key)).get_trace(data)
    return watched.asked


class _AsksForKey(Messenger):
    """Effect handler that notes whether a function asks for a random key of its own."""

    asked = False

    def process_message(self, msg):
        if msg["type"] == "prng_key":
            self.asked = True
