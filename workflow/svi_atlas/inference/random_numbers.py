"""A model whose density is random: with the same values of its sites it is another one each time."""

from __future__ import annotations

from numpyro.primitives import Messenger


class AsksForKey(Messenger):
    """Effect handler that notes whether a model asks for a random key of its own (`numpyro.prng_key`).

    What the model then draws, such as a minibatch chosen by hand, is no sample site, so that its density
    cannot be evaluated at given values. `numpyro.plate(..., subsample_size=...)` asks for none.
    """

    asked = False

    WHY = (
        "the model draws random numbers outside of sample sites (numpyro.prng_key), so that its density is "
        "random and can be judged for no data set; choose minibatches with numpyro.plate(..., "
        "subsample_size=...), and make every other random number a sample site"
    )

    def process_message(self, msg):
        if msg["type"] == "prng_key":
            self.asked = True
