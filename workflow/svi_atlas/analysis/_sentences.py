"""Sentences that several pages say, filled with the numbers of the run."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis._tables import ORDER
from svi_atlas.formatting import humanise


def verdict_sentence(table: pd.DataFrame) -> str:
    """How many fits have each verdict, the best verdict first."""
    counts = table["verdict"].value_counts()
    parts = [_verdict_part(counts[name], name) for name in ORDER if name in counts]
    return f"Of {len(table):,} fits, {', '.join(parts)}."


def _verdict_part(count: int, verdict: str) -> str:
    if verdict in ("diverged", "failed"):
        return f"{count:,} {verdict}"
    return f"{count:,} {'is' if count == 1 else 'are'} {humanise(verdict)}"


def comparison_sentence(verification: pd.DataFrame) -> str:
    """How many of the known values are met; empty if none is known."""
    if verification.empty:
        return ""
    met = int(verification["ok"].astype(bool).sum())
    return (
        f"{met} of {len(verification)} published, exact and earlier measured values are met within "
        "their tolerances."
    )
