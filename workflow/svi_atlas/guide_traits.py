"""What is known of guides by their name: the one table of NumPyro's autoguides and their traits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class GuideTraits:
    """What kind of distribution a guide is; a guide written by hand has no trait unless declared.

    point: a point is fitted, and a distribution laid around it afterwards: its loss has no entropy and
        is no negative ELBO.
    mean_field: without correlation between the components.
    full_rank: a Gaussian whose whole covariance matrix is fitted.
    low_rank: a Gaussian whose covariance matrix is diagonal but for a few directions.
    flow: a normalising flow.
    mixture: of several components, so that it can have several modes.
    automatic: made by NumPyro from the model.
    whitenable: whether it can be fitted in coordinates that the Laplace approximation whitens.
    """

    point: bool = False
    mean_field: bool = False
    full_rank: bool = False
    low_rank: bool = False
    flow: bool = False
    mixture: bool = False
    automatic: bool = False
    whitenable: bool = False


AUTOGUIDE_TRAITS: Mapping[str, GuideTraits] = {
    "AutoBNAFNormal": GuideTraits(automatic=True, whitenable=True, flow=True),
    "AutoDiagonalNormal": GuideTraits(automatic=True, whitenable=True, mean_field=True),
    "AutoIAFNormal": GuideTraits(automatic=True, whitenable=True, flow=True),
    "AutoLaplaceApproximation": GuideTraits(automatic=True, point=True),
    "AutoLowRankMultivariateNormal": GuideTraits(automatic=True, whitenable=True, low_rank=True),
    "AutoMultivariateNormal": GuideTraits(automatic=True, whitenable=True, full_rank=True),
    "AutoNormal": GuideTraits(automatic=True, mean_field=True),
}

AUTOGUIDES = tuple(AUTOGUIDE_TRAITS)
"""NumPyro's autoguides with a density, so that an ELBO and importance weights exist."""

FAMILIES = (
    "AutoDiagonalNormal",
    "AutoLowRankMultivariateNormal",
    "AutoMultivariateNormal",
    "AutoIAFNormal",
    "AutoBNAFNormal",
)
"""Autoguides that can be whitened, from cheap to expressive: the order in which a search tries them."""


def guide_traits(
    guide: str,
    autoguide: Mapping[str, Any] | None = None,
    declared: Mapping[str, GuideTraits] | None = None,
) -> GuideTraits:
    """Look up the traits of a guide.

    Parameters
    ----------
    guide
        Name of the guide.
    autoguide
        The entry of the experiment's `autoguides` that the name stands for, with the key `class`.
    declared
        Traits of guides written by hand, by name.
    """
    if declared and guide in declared:
        return declared[guide]
    name = autoguide["class"] if autoguide else guide
    return AUTOGUIDE_TRAITS.get(name, GuideTraits())
