"""What the figures about statements share."""

from __future__ import annotations

from svi_atlas.plots._fits import Family

POINT_GUIDES = ("AutoLaplaceApproximation",)
"""Guides fitted as a point: their loss has no noise and is no ELBO of the guide drawn from."""


def label(family: Family) -> str:
    """The guide, and in a second line the model where there are several."""
    return family.label.replace(" on ", "\non ", 1)
