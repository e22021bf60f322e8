"""Tables for the page of any experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import (
    ORDER,
    SETTING,
    has_models,
    model_label,
    schedule_label,
    with_labels,
)
from svi_atlas.formatting import MISSING, count_of, humanise, number
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.judgement.ranking import best_settings as rank_settings
from svi_atlas.judgement.step_size_forecast import smaller_step as forecast_smaller_step
from svi_atlas.results.inputs import Fits, References
from svi_atlas.results.store import spec_of

FITS = {"provenance": "first"}
"""Which fits an analysis reads, where it does not read all of them."""


def verdict_counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many fits have each verdict: one row per guide, and per model if there are several."""
    keys = ["model", "guide"] if has_models(table) else ["guide"]
    counts = table.groupby([*keys, "verdict"], sort=False).size().unstack(fill_value=0)
    shown = [name for name in ORDER if name in counts]
    counts = counts[shown].assign(all=counts.sum(axis=1)).reset_index()
    return with_labels(
        counts, {name: humanise(name) for name in (*keys, *shown)} | {"all": "all fits"}
    )


def grid_verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """The same without single fits."""
    return verdict_counts(grid_fits(table))


def best_settings(table: pd.DataFrame) -> pd.DataFrame:
    """The best setting of each guide and schedule: converged and adequate seeds, medians over the seeds."""
    best = rank_settings(table)
    for name in ("converged", "adequate"):
        shares = zip((best[name] * best["fits"]).round(), best["fits"], strict=True)
        best[name] = pd.Series([count_of(*share) for share in shares], best.index, dtype=object)
    return with_labels(
        best.astype({"step_size": float}),
        {
            **model_label(best),
            **SETTING,
            **schedule_label(best),
            "converged": "converged",
            "adequate": "adequate",
            "kl": "KL (nats)",
            "mean_error": "error of mean (sd)",
            "sd_ratio": "ratio of sds",
        },
    )


def smaller_step(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """What a smaller step size would gain at the best setting of each guide (RABVI).

    Empty if there is no grid of several step sizes.
    """
    table = table[table["block"] == "grid"]
    if table["step_size"].nunique() < 2:
        return pd.DataFrame()
    keys = [*FAMILY, "label", "num_particles", "step_size"]
    forecast = rank_settings(table)[keys].merge(forecast_smaller_step(table, thresholds), on=keys)
    return with_labels(
        forecast.astype({"step_size": float}),
        {
            **model_label(forecast),
            **SETTING,
            **schedule_label(forecast),
            "pairs": "pairs at rest",
            "kappa": "power",
            "predicted": "lacks, forecast (nats)",
            "measured": "lacks, measured (nats)",
            "halving": "half the step would gain (nats)",
        },
    )


def single_fits(table: pd.DataFrame) -> pd.DataFrame:
    """The single fits with their verdicts, the reasons, and the two questions answered apart."""
    fits = table[table["block"] == "single"]
    answers = {True: "yes", False: "no"}
    names = [f"{label}\n{guide}" for label, guide in zip(fits["label"], fits["guide"], strict=True)]
    shown = fits.assign(
        fit=pd.Series(names, fits.index, dtype=object),
        converged=[answers.get(value, MISSING) for value in fits["converged"]],
        adequate=[answers.get(value, MISSING) for value in fits["adequate"]],
    )
    labels = {
        "fit": "label and guide",
        "num_particles": "particles",
        "step_size": "step size",
        "converged": "converged?",
        "adequate": "adequate?",
        "verdict": "verdict",
        "verdict_last": "verdict of the last iterate",
        "reason": "reason",
    }
    return with_labels(shown[list(labels)], labels)


def failures(table: pd.DataFrame) -> pd.DataFrame:
    """The cells that failed with their messages, and the fits that diverged by setting."""
    failed = table[table["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
    diverged = table[table["verdict"] == "diverged"]
    keys = ["model", "guide", "label", "schedule", "step_size"]
    groups = diverged.groupby(keys, sort=False)
    rows = pd.concat(
        [
            failed.assign(fits="all", why=failed["message"]).astype({"step_size": float}),
            groups.agg(fits=("seed", "size"), why=("reason", "first"))
            .reset_index()
            .astype({"fits": str, "step_size": float})
            .assign(verdict="diverged"),
        ]
    )
    rows["step_size"] = rows["step_size"].where(rows["verdict"] == "diverged")
    labels = {
        "verdict": "verdict",
        "model": "model",
        "guide": "guide",
        "label": "label",
        "step_size": "step size",
        **schedule_label(rows),
        "fits": "fits",
        "why": "message or reason",
    }
    return with_labels(rows[list(labels)], labels)


def provenance(
    table: pd.DataFrame, data: xr.Dataset, reference: References, fits: Fits
) -> pd.DataFrame:
    """Where the numbers come from: data, reference, device, package versions, cost."""
    model, guide, label = table.iloc[0][["model", "guide", "label"]]
    attributes = fits[model, guide, label].attrs
    seconds = table["seconds"].sum() if "seconds" in table else np.nan
    versions = json.loads(attributes["versions"])
    cells = len(table.drop_duplicates(["model", "guide", "label"]))
    rows = {
        "problem": data.attrs.get("source", spec_of(table)["experiment"]),
        "reference posterior": reference[model].attrs.get("method", "none"),
        "fits": f"{len(table):,} in {cells} cells",
        "time of optimisation": f"{number(float(seconds))} s in all",
        "device": attributes["device"],
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "code digest of the fits": json.loads(attributes["spec"])["code"]["digest"],
    }
    frame = pd.DataFrame({"what": rows.keys(), "value": rows.values()})
    return with_labels(frame, {"what": "what", "value": "value"})
