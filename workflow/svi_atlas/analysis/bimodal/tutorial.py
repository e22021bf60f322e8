"""The tutorial's own fit: its loss, its draws and its parameters beside the published ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from svi_atlas.analysis._series import bin_means, centres, even_bins, quantiles
from svi_atlas.analysis._tables import negative_log_evidence, with_labels
from svi_atlas.analysis.bimodal._draws import draws_of
from svi_atlas.analysis.bimodal._selection import (
    TUTORIAL,
    TUTORIAL_SETTING,
    single_fit,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import MISSING, mean_se
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "tutorial_losses": {"label": ["tutorial_normal_mixture"]},
    "tutorial_draws": {"label": ["tutorial_normal_mixture"]},
}
"""Which fits an analysis reads."""

NUM_LOSS_BINS = 200


def tutorial_losses(fits: Fits, reference: References) -> pd.DataFrame:
    """Losses (nats) of the tutorial's fit within bins of steps, over all steps and over the second half.

    One row per bin: `part` ("all" or "second half"), `step` (middle of the bin), `mean`, `low` and `high`
    (5 % and 95 % quantiles); `num_particles`; `optimum`, the smallest loss of the guide's family;
    `floor`, minus the log evidence; `message` of a fit that failed, which has one row. Empty if the
    fit is absent.
    """
    fit = fits.with_label(TUTORIAL)
    if fit is None:
        return pd.DataFrame()
    constant = {
        "num_particles": int(fit.attrs["num_particles"]),
        "optimum": exact.normal_mixture_optimum()[1],
        "floor": negative_log_evidence(reference, fit.attrs["model"]),
    }
    if "message" in fit.attrs:
        return pd.DataFrame({"part": [None], "message": [fit.attrs["message"]]}).assign(**constant)
    loss = fit["loss"].isel(seed=0, step_size=0).to_numpy().astype(float)
    parts = {"all": 0, "second half": len(loss) // 2}
    frames = [_binned(loss, start).assign(part=part) for part, start in parts.items()]
    return pd.concat(frames, ignore_index=True).assign(message=None, **constant)


def _binned(loss: np.ndarray, start: int) -> pd.DataFrame:
    finite = np.where(np.isfinite(loss), loss, np.nan)[start:]
    edges = even_bins(len(finite), NUM_LOSS_BINS)
    bins = [finite[first:last] for first, last in pairwise(edges)]
    low, high = np.transpose([quantiles(values, (0.05, 0.95)) for values in bins])
    columns = {"step": start + centres(edges), "mean": bin_means(finite, edges)}
    return pd.DataFrame(columns | {"low": low, "high": high})


def tutorial_draws(fits: Fits) -> pd.DataFrame:
    """Draws of the tutorial's fit (last iterate): `x` and `y`.

    A fit that failed has one row with its `message`. Empty if the fit is absent.
    """
    fit = fits.with_label(TUTORIAL)
    if fit is None:
        return pd.DataFrame()
    if "message" in fit.attrs:
        return pd.DataFrame({"message": [fit.attrs["message"]]})
    return draws_of(fit.isel(seed=0, step_size=0)).assign(message=None)


def tutorial_values(table: pd.DataFrame, verification: pd.DataFrame) -> pd.DataFrame:
    """The tutorial's parameters and loss: published, exact, in this run and over many seeds.

    Empty if the tutorial's fit is absent or failed.
    """
    fit = single_fit(table, TUTORIAL)
    if fit is None:
        return pd.DataFrame()
    seeds = with_setting(successful_grid(table), TUTORIAL_SETTING)
    published = _published_values(verification)
    rows = [
        {
            "quantity": label,
            "published": published.get(name, np.nan),
            "exact": optimum,
            "value": float(fit[column]),
            "seeds": mean_se(seeds[column]) if len(seeds) else MISSING,
            "sd": seeds[column].std() if len(seeds) > 1 else np.nan,
        }
        for name, (column, label, optimum) in _quantities().items()
    ]
    labels = {
        "quantity": "quantity",
        "published": "published",
        "exact": "exact optimum",
        "value": "this run",
        "seeds": f"mean over {len(seeds)} seeds",
        "sd": "sd over the seeds",
    }
    return with_labels(pd.DataFrame(rows), labels)


def _quantities() -> dict[str, tuple[str, str, float]]:
    """Column of the table, label and exact value, by the name that the published value has."""
    sig2_q, loss = exact.normal_mixture_optimum()
    return {
        "b": ("param_last.b", "b", exact.B),
        "sig1_q": ("param_last.sig1_q", "sig1_q", exact.SIGMA1),
        "sig2_q": ("param_last.sig2_q", "sig2_q", sig2_q),
        "theta_degrees": (
            "derived_last.theta_degrees",
            "theta (degrees)",
            float(np.degrees(exact.ANGLE)),
        ),
        "final_loss": ("final_loss", "loss, mean of the last 5 %", loss),
    }


def _published_values(verification: pd.DataFrame) -> dict[str, float]:
    """The published values by quantity: `tutorial: b` is the name of the row of `b`."""
    published = verification[verification["kind"] == "published"]
    quantities = [name.rpartition(": ")[2] for name in published["name"]]
    return dict(zip(quantities, published["expected"].astype(float), strict=True))
