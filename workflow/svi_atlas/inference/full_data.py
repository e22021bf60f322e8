"""A model or guide that looks at a minibatch, evaluated on all of its data."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from numpyro.primitives import Messenger


class NoSubsampling(Messenger):
    """Effect handler under which every plate takes all of its rows.

    A fit may look at one minibatch per step (`numpyro.plate(..., subsample_size=...)`), which makes its
    losses noisy but not wrong. Statistics of a fit must not depend on a draw of rows.
    """

    def __init__(self, fn: Callable):
        super().__init__(fn)
        self._subsampled: dict[str, str] = {}

    @property
    def hint(self) -> str:
        """Likely cause where the function, or its density, raised; "" if no plate is subsampled."""
        if not self._subsampled:
            return ""
        return (
            f" (of all data, where {', '.join(self._subsampled.values())} at random: index the data with what "
            "the plate gives, `with plate(...) as rows: ... obs=y[rows]`)"
        )

    def process_message(self, msg):
        if msg["type"] == "plate" and msg["value"] is None:
            size, part = msg["args"]
            self._subsampled[msg["name"]] = f"plate {msg['name']!r} takes {part} of {size}"
            msg["args"] = (size, None)
            msg["value"] = jnp.arange(size)
