"""Where the fits of the grid end: losses and scales by step size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.factor_thread._selection import SCALES
from svi_atlas.formatting import count_of, median_range
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.problems.factor_thread import exact

SHOWN_SCALES = (1e-4, 10.0)
"""Range of sig1_q over which the expected loss is shown."""


def expected_losses() -> pd.DataFrame:
    """Expected loss on the factor model, `loss` (nats), by `guide` and `sig1_q`.

    The other scale is in the target's proportion: sig2_q is twice as large.
    """
    sig1 = np.geomspace(*SHOWN_SCALES, 600)
    sig2 = exact.SIGMA2 / exact.SIGMA1 * sig1
    parts = [
        pd.DataFrame(
            {
                "guide": guide,
                "sig1_q": sig1,
                "loss": exact.expected_loss("factor", guide, sig1, sig2),
            }
        )
        for guide in ("factor", "sample")
    ]
    return pd.concat(parts, ignore_index=True)


def final_values(table: pd.DataFrame) -> pd.DataFrame:
    """Final loss and scales of each fit of the grid to the factor model that has them."""
    grid = grid_fits(table)
    grid = grid[(grid["model"] == "factor") & grid["guide"].isin(["factor", "sample"])]
    names = {f"param_last.{name}": name for name in SCALES}
    columns = ["guide", "num_particles", "step_size", "seed", "final_loss", *names]
    values = grid.reindex(columns=columns).rename(columns=names)
    values = values.astype(dict.fromkeys(["final_loss", *SCALES], float))
    return values.dropna(subset=["final_loss", *SCALES], how="all").reset_index(drop=True)


def final_medians(final_values: pd.DataFrame) -> pd.DataFrame:
    """Medians over the seeds of these values, by guide, particle count and step size."""
    keys = ["guide", "num_particles", "step_size"]
    return final_values.groupby(keys, sort=False, as_index=False)[["final_loss", *SCALES]].median()


def falls(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """How far the loss falls with a factor guide: one row per model and step size."""
    grid = grid_fits(table)
    grid = grid[grid["guide"] == "factor"].reindex(
        columns=[
            *table.columns,
            *{"evidence_violation_z", "final_loss", "param_last.sig1_q"}.difference(table.columns),
        ]
    )
    rows = []
    for (model, step_size), fits in grid.groupby(["model", "step_size"], sort=False):
        proved = fits["evidence_violation_z"] > thresholds["evidence_violation_z"]
        rows.append(
            {
                "model": model,
                "step_size": step_size,
                "fits": len(fits),
                "loss": median_range(fits["final_loss"]),
                "sig1": median_range(fits["param_last.sig1_q"]),
                "proved": count_of(proved.sum(), len(fits)),
                "diverged": count_of((fits["verdict"] == "diverged").sum(), len(fits)),
            }
        )
    labels = {
        "model": "model",
        "step_size": "step size",
        "fits": "fits",
        "loss": "final loss",
        "sig1": "final sig1_q",
        "proved": "proved no ELBO",
        "diverged": "diverged",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
