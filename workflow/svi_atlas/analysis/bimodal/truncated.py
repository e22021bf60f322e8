"""The Cauchy mixture truncated to the box: how near to the posterior every seed ends."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._series import bin_means, centres, log_bins
from svi_atlas.analysis._tables import negative_log_evidence, with_labels
from svi_atlas.analysis.bimodal._selection import (
    MAX_LOSS_EXCESS,
    TRUNCATED,
    TRUNCATED_LARGE_STEP,
    successful_fits,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import count_of, number
from svi_atlas.results.inputs import Fits, References

FITS = {
    "truncated_losses": {"guide": ["truncated_cauchy_mixture"], "label": ["particles-16"]},
}
"""Which fits an analysis reads."""

NUM_LOSS_BINS = 60


def truncated_losses(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Loss above minus the log evidence, by step size, seed and bin of steps.

    Columns: `step_size`, `seed`, `step` (middle of the bin), `excess` (nats, NaN where it is not
    positive), `message` of a cell that failed, which has one row. Empty if the guide was not fitted with
    16 particles.
    """
    rows = _rows(table)
    if rows.empty:
        return pd.DataFrame()
    model = rows["model"].iloc[0]
    cell = fits[model, TRUNCATED.guide, _label()]
    if "message" in cell.attrs:
        return pd.DataFrame({"message": [cell.attrs["message"]]})
    floor = negative_log_evidence(reference, model)
    edges = log_bins(cell.sizes["step"], NUM_LOSS_BINS)
    parts = []
    for step_size in np.unique(rows["step_size"]):
        loss = cell["loss"].sel(step_size=step_size, method="nearest")
        excess = bin_means(loss.transpose("seed", "step").to_numpy(), edges) - floor
        for seed, values in zip(cell["seed"].to_numpy(), excess, strict=True):
            columns = {"step": centres(edges), "excess": np.where(values > 0, values, np.nan)}
            parts.append(pd.DataFrame(columns).assign(step_size=step_size, seed=seed))
    return pd.concat(parts, ignore_index=True).assign(message=None)


def truncated_ends(table: pd.DataFrame, reference: References) -> pd.DataFrame:
    """Where every seed ends: `final_loss`, `final_loss_se`, `sig2_q`, `theta_degrees`.

    One row per `step_size` and `seed`; `floor`, minus the log evidence, and `max_excess`, the nats above it
    that are allowed.
    """
    fits = _rows(successful_fits(table))
    columns = {
        "step_size": "step_size",
        "seed": "seed",
        "final_loss": "final_loss",
        "final_loss_se": "final_loss_se",
        "param_last.sig2_q": "sig2_q",
        "derived_last.theta_degrees": "theta_degrees",
    }
    floor = negative_log_evidence(reference, table["model"].iloc[0])
    ends = fits[list(columns)].rename(columns=columns)
    return ends.assign(floor=floor, max_excess=MAX_LOSS_EXCESS).reset_index(drop=True)


def truncated_outcomes(table: pd.DataFrame, reference: References) -> pd.DataFrame:
    """Losses and parameters over the seeds, one row per step size."""
    floor = negative_log_evidence(reference, table["model"].iloc[0])
    grid = successful_grid(table)
    cells = [with_setting(grid, setting) for setting in (TRUNCATED, TRUNCATED_LARGE_STEP)]
    labels = {
        "step_size": "step size",
        "median": "loss, median",
        "worst": "loss, worst",
        "close": f"within {MAX_LOSS_EXCESS:g} nats",
        "infinite": "infinite",
        "theta": "theta (degrees)",
        "sig2_q": "sig2_q",
        "converged": "converged?",
        "adequate": "adequate?",
    }
    rows = [_outcomes(fits, floor) for fits in cells if len(fits)]
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _outcomes(fits: pd.DataFrame, floor: float) -> dict:
    return {
        "step_size": float(fits["step_size"].iloc[0]),
        "median": fits["final_loss"].median(),
        "worst": fits["final_loss"].max(),
        "close": count_of(((fits["final_loss"] - floor).abs() < MAX_LOSS_EXCESS).sum(), len(fits)),
        "infinite": int((fits["nonfinite"] > 0).sum()),
        "theta": _range(fits["derived_last.theta_degrees"]),
        "sig2_q": _range(fits["param_last.sig2_q"]),
        "converged": count_of((fits["converged"] == True).sum(), len(fits)),  # noqa: E712
        "adequate": count_of((fits["adequate"] == True).sum(), len(fits)),  # noqa: E712
    }


def _range(values: pd.Series) -> str:
    return f"{number(values.min())} to {number(values.max())}"


def _label() -> str:
    return f"particles-{TRUNCATED.num_particles}"


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["guide"] == TRUNCATED.guide) & (table["label"] == _label())]
