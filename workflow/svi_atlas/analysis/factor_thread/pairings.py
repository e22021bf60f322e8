"""The forum thread's four pairings of model and guide: losses, paths, draws and results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.analysis._series import bin_means, centres, even_bins
from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.factor_thread._selection import (
    PAIRINGS,
    SCALES,
    pairing_label,
    pairing_name,
    single_fit,
    why_missing,
)
from svi_atlas.formatting import measured, number
from svi_atlas.problems.factor_thread import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "pairing_losses": {
        "model": ["factor", "sample"],
        "guide": ["factor", "sample"],
        "label": ["thread_*"],
    },
    "scale_paths": {
        "model": ["factor"],
        "guide": ["factor", "sample"],
        "label": ["thread_factor_*"],
    },
    "pairing_draws": {
        "model": ["factor", "sample"],
        "guide": ["factor", "sample"],
        "label": ["thread_*"],
    },
}

NUM_BINS = 120

PRINTED_FACTOR_SCALES = (0.715, 0.714)
"""What the forum thread prints for a factor guide. There is nothing to be met: the comparison with
known values only asks that a fit falls below their mean."""


def exact_answers() -> pd.DataFrame:
    """The exact answers: one row per model.

    Columns: `model`; `floor`, minus its log evidence (nats); `sig1_q` and `sig2_q`, the target's scales;
    `half_box`, where the Uniform ends.
    """
    rows = [
        {
            "model": model,
            "floor": -exact.log_evidence(model),
            "sig1_q": exact.SIGMA1,
            "sig2_q": exact.SIGMA2,
            "half_box": exact.HALF_BOX,
        }
        for model in ("factor", "sample")
    ]
    return pd.DataFrame(rows)


def pairing_losses(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Mean losses of the four pairings within bins of steps.

    One row per pairing (`model`, `guide`) and bin: `step`, `loss` (nats); a pairing without a fit has
    one row with the reason in `message`.
    """
    parts = []
    for model, guide in PAIRINGS:
        label = pairing_label(model, guide)
        if single_fit(table, label) is None:
            message = why_missing(table, label)
            losses = pd.DataFrame({"step": [np.nan], "loss": [np.nan], "message": [message]})
        else:
            cell = fits[model, guide, label].isel(seed=0, step_size=0)
            loss = cell["loss"].to_numpy().astype(float)
            edges = even_bins(len(loss), NUM_BINS)
            columns = {"step": centres(edges), "loss": bin_means(loss, edges), "message": None}
            losses = pd.DataFrame(columns)
        parts.append(losses.assign(model=model, guide=guide))
    return pd.concat(parts, ignore_index=True)


def scale_paths(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Scales along the steps of the two guides on the factor model.

    One row per `guide`, `parameter` and snapshot (`step`): its `value`. A guide without a fit has one row
    with the reason in `message`.
    """
    parts = []
    for guide in ("factor", "sample"):
        label = pairing_label("factor", guide)
        if single_fit(table, label) is None:
            message = why_missing(table, label)
            empty = {"parameter": "", "step": np.nan, "value": np.nan, "message": message}
            parts.append(pd.DataFrame([empty]).assign(guide=guide))
            continue
        cell = fits["factor", guide, label].isel(seed=0, step_size=0)
        for name in SCALES:
            columns = {
                "parameter": name,
                "step": cell["snapshot_step"].to_numpy().astype(float),
                "value": cell[f"path.{name}"].to_numpy().astype(float),
                "message": None,
            }
            parts.append(pd.DataFrame(columns).assign(guide=guide))
    return pd.concat(parts, ignore_index=True)


def pairing_draws(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Draws of the fitted guides of the four pairings: `model`, `guide`, `x`, `y`."""
    parts = []
    for model, guide in PAIRINGS:
        label = pairing_label(model, guide)
        if single_fit(table, label) is not None:
            last = fits[model, guide, label].isel(seed=0, step_size=0).sel(iterate="last")
            sites = {"x": last["site.x"].to_numpy(), "y": last["site.y"].to_numpy()}
            parts.append(pd.DataFrame(sites).assign(model=model, guide=guide))
    columns = ["model", "guide", "x", "y"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def draw_widths(table: pd.DataFrame, pairing_draws: pd.DataFrame) -> pd.DataFrame:
    """What the guides on the factor model claim and draw: one row per guide.

    Columns: `guide`, `sig1_q`, `sig2_q`, `num_draws`, `sd_x`, `sd_y`, and `message`, why it has no fit.
    """
    rows = []
    for guide in ("factor", "sample"):
        label = pairing_label("factor", guide)
        fit = single_fit(table, label)
        if fit is None:
            rows.append({"guide": guide, "message": why_missing(table, label)})
            continue
        draws = pairing_draws[
            (pairing_draws["model"] == "factor") & (pairing_draws["guide"] == guide)
        ]
        row: dict[str, Any] = {"guide": guide, "message": None, "num_draws": len(draws)}
        row |= {name: float(fit[f"param_last.{name}"]) for name in SCALES}
        row |= {f"sd_{site}": float(draws[site].to_numpy().std()) for site in ("x", "y")}
        rows.append(row)
    columns = ["guide", *SCALES, "num_draws", "sd_x", "sd_y", "message"]
    return pd.DataFrame(rows).reindex(columns=columns)


def pairings(table: pd.DataFrame, verification: pd.DataFrame) -> pd.DataFrame:
    """The four pairings: published, exact and fitted scales, loss, bound and verdict."""
    rows = []
    for model, guide in PAIRINGS:
        fit = single_fit(table, pairing_label(model, guide))
        if fit is None:
            continue
        sampled = guide == "sample"
        printed = _printed(verification, model) if sampled else PRINTED_FACTOR_SCALES
        answers = ", ".join(f"{scale:g}" for scale in (exact.SIGMA1, exact.SIGMA2))
        rows.append(
            {
                "pairing": pairing_name(model, guide),
                "published": ", ".join(number(value, 4) for value in printed),
                "exact": answers if sampled else "no optimum",
                "scales": ", ".join(number(fit[f"param_last.{name}"]) for name in SCALES),
                "loss": measured(fit["final_loss"], fit["final_loss_se"]),
                "floor": -exact.log_evidence(model),
                "violation": np.nan if sampled else fit["evidence_violation_z"],
                "verdict": fit["verdict"],
            }
        )
    labels = {
        "pairing": "pairing",
        "published": "sig1_q, sig2_q published",
        "exact": "exact",
        "scales": "this run",
        "loss": "loss",
        "floor": "minus log evidence",
        "violation": "standard errors below it",
        "verdict": "verdict",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _printed(verification: pd.DataFrame, model: str) -> list[float]:
    """What the forum thread prints for the sample guide; NaN where the comparison does not have it."""
    published = verification[verification["kind"] == "published"].set_index("name")["expected"]
    names = [f"{pairing_name(model, 'sample')}: {name}" for name in SCALES]
    return [float(published.get(name, np.nan)) for name in names]
