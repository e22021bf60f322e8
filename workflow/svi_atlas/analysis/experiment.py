"""Facts for the page of an experiment that has no notebook of its own."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.formatting import plural
from svi_atlas.judgement.ranking import grid_fits


def facts(table: pd.DataFrame) -> pd.DataFrame:
    """What the page says about the experiment, as texts for the slots of its notebook."""
    grid, single = grid_fits(table), table[table["block"] == "single"]
    parts = [
        plural(grid[column].nunique(), noun)
        for column, noun in (
            ("guide", "guide"),
            ("num_particles", "particle count"),
            ("step_size", "step size"),
        )
    ]
    overview = (
        f"{len(table):,} fits: {', '.join(parts)} and {plural(grid['seed'].nunique(), 'seed')}"
    )
    overview += f", and {plural(single['label'].nunique(), 'single fit')}." if len(single) else "."
    return _tables.facts(
        overview=overview,
        single_fits="" if len(single) else "This experiment has no single fits.",
    )
