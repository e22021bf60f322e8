"""Whether a family of guides is good enough, so that no more expressive one need be tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from svi_atlas.judgement.verdict import judge

MIN_ADEQUATE_SHARE = 0.95
"""Share of the seeds that must be adequate."""


def sufficient_family(cells: Sequence[pd.DataFrame], thresholds: Mapping[str, float]) -> str | None:
    """The guide of the first cell that is adequate for enough of its seeds.

    Parameters
    ----------
    cells
        The statistics of the cells of a search, from cheap to expressive; skipped ones have no rows.
    thresholds
        Limits by statistic.
    """
    for cell in cells:
        if len(cell) and adequate_share(judge(cell, thresholds)["verdict"]) >= MIN_ADEQUATE_SHARE:
            return str(cell["guide"].iloc[0])
    return None


def adequate_share(verdicts: pd.Series) -> float:
    """Share of the judged fits that are adequate; 0 if fewer than half of the fits could be judged."""
    judged = verdicts[verdicts != "unjudged"]
    if 2 * len(judged) < len(verdicts):
        return 0.0
    return float((judged == "adequate").mean())
