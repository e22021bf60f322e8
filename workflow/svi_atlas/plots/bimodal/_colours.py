"""Colours of the guides in the figures of this experiment, no two alike."""

from __future__ import annotations

from svi_atlas.plots import _style

COLOURS = {
    "normal_mixture": "#0072B2",
    "truncated_cauchy_mixture": "#009E73",
    "weighted_normal_mixture": "#7F6FBF",
    "cauchy_mixture": "#D55E00",
    "cauchy_mixture_fixed_angle": "#56B4E9",
}


def colour(guide: str) -> str:
    """The guide's colour."""
    return COLOURS.get(guide) or _style.guide_colour(guide)
