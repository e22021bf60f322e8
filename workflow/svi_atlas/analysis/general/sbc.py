"""Simulation-based calibration: its tests and histograms as a page shows them."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis._tables import model_label, with_labels
from svi_atlas.sbc.uniformity import histogram

NUM_SBC_BARS = 20


def sbc_tests(sbc: pd.DataFrame) -> pd.DataFrame:
    """The tests of calibration: one row per entry and parameter."""
    settings = [
        f"{row.num_particles} particle{'s' * (row.num_particles != 1)}, "
        f"step size {row.step_size:g}\n{row.num_steps:,} steps, {row.simulations:,} simulations"
        for row in sbc.itertuples()
    ]
    return with_labels(
        sbc.assign(setting=settings),
        {
            "name": "entry",
            **model_label(sbc),
            "guide": "guide",
            "setting": "setting",
            "parameter": "parameter",
            "finding": "finding",
            "symmetry_holm": "p, symmetry",
            "uniformity_holm": "p, uniformity",
            "mean": "mean (0.5)",
            "spread": "spread (1)",
            "message": "message",
        },
    )


def sbc_histograms(sbc: pd.DataFrame, sbc_ranks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Histograms of the rank statistics: one row per entry, parameter and bar (see `sbc.uniformity`).

    Columns: `name`, `parameter`, `left`, `right` (probabilities), `count`, and the band from `low` to
    `high` that holds all bars of a calibrated guide with a probability of 99 %.
    """
    parts = []
    tested = sbc[sbc["finding"] != "failed"].reindex(columns=["name", "parameter", "num_draws"])
    for name, parameter, num_draws in tested.itertuples(index=False, name=None):
        ranks = sbc_ranks[name]
        of_parameter = ranks.loc[ranks["parameter"] == parameter, "rank"].dropna().astype(int)
        bars = histogram(of_parameter.to_numpy(), int(num_draws), NUM_SBC_BARS)
        parts.append(bars.assign(name=name, parameter=parameter))
    columns = ["name", "parameter", "left", "right", "count", "low", "high"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
