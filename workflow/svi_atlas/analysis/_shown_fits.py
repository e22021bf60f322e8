"""The fit that a page shows of each model: the first adequate one of the recommended setting, or the best of the closest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from svi_atlas.judgement.advice import gather
from svi_atlas.judgement.recommendation import recommend


def shown_fits(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Each model with the row of the fit that is shown of it."""
    in_grid = table[(table["block"] != "single") & (table["verdict"] != "failed")]
    for model, rows in in_grid.groupby("model", sort=False):
        best = recommend(rows)
        if len(best):
            keys = ["guide", "label", "schedule", "step_size"]
            chosen = rows[(rows[keys] == best.iloc[0][keys]).all(axis=1)]
            yield str(model), chosen[chosen["verdict"] == "adequate"].iloc[0]
        else:
            closest = gather(rows).closest
            yield str(model), closest.iloc[int(closest["elbo"].fillna(-np.inf).argmax())]
