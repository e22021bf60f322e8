"""A model or guide that looks at a minibatch, evaluated on all of its data."""

from __future__ import annotations

import jax.numpy as jnp
from numpyro.primitives import Messenger


class WholeData(Messenger):
    """Effect handler under which every plate takes all of its rows.

    A fit may look at a minibatch a step (`numpyro.plate(..., subsample_size=...)`), which makes its
    losses noisy but not wrong. What is said of a fit must not depend on a draw of rows.
    """

    def process_message(self, msg):
        if msg["type"] == "plate" and msg["value"] is None:
            size, _ = msg["args"]
            msg["args"] = (size, None)
            msg["value"] = jnp.arange(size)
