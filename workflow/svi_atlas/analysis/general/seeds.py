"""Tables of how much the fits of a setting depend on the seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from svi_atlas.judgement.ranking import FAMILY

SETTING = [*FAMILY, "num_particles", "step_size"]


def inadequate_rates(distances: pd.DataFrame) -> pd.DataFrame:
    """Share of the seeds whose fit is not adequate, with its exact 95 % interval.

    One row per setting of the grid: `rate`, `low`, `high` (Clopper and Pearson 1934).
    """
    rows = []
    for setting, fits in distances.groupby(SETTING, sort=False):
        count = int((fits["verdict"] != "adequate").sum())
        interval = stats.binomtest(count, len(fits)).proportion_ci(method="exact")
        rows.append((*setting, count / len(fits), interval.low, interval.high))
    return pd.DataFrame(rows, columns=[*SETTING, "rate", "low", "high"])


def distance_tails(distances: pd.DataFrame) -> pd.DataFrame:
    """Share of the seeds of each setting that end at a distance or farther away.

    One row per fit with a finite distance: the setting, `distance` (nats), `share`. A fit without a finite
    distance is farther away than any, so that the shares of its setting end above zero.
    """
    parts = [pd.DataFrame(columns=[*SETTING, "distance", "share"])]
    for _, fits in distances.groupby(SETTING, sort=False):
        distance = np.sort(fits["distance"].to_numpy(float))
        distance = distance[np.isfinite(distance)]
        share = 1 - np.arange(len(distance)) / len(fits)
        rows = pd.DataFrame({"distance": distance, "share": share})
        parts.append(rows.assign(**{name: fits[name].iloc[0] for name in SETTING}))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def distance_medians(distances: pd.DataFrame) -> pd.DataFrame:
    """Median distance from the posterior of each setting, over its finite ones: column `median` (nats)."""
    finite = distances[np.isfinite(distances["distance"])]
    return finite.groupby(SETTING, as_index=False, sort=False).agg(median=("distance", "median"))
