"""One order of a model's sites in the flat vector of an autoguide."""

from __future__ import annotations

from typing import Any

from numpyro.infer import autoguide


class SortedSites(autoguide.AutoGuide):
    """Mixin of autoguides whose flat vector has the sites in the order of their names, as `Posterior` has.

    NumPyro's own have them in this order where the guide is set up inside a compiled program, and in the
    order of the model elsewhere.
    """

    @property
    def _init_locs(self) -> dict[str, Any]:
        return self._sorted_locs

    @_init_locs.setter
    def _init_locs(self, locs: dict[str, Any]) -> None:
        self._sorted_locs = dict(sorted(locs.items()))
