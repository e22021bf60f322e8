"""Tables for an experiment's part of the index of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._advice import what_to_use
from svi_atlas.analysis._tables import ORDER, model_label, with_labels
from svi_atlas.formatting import count_of, humanise
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.judgement.ranking import best_settings as rank_settings


def advice(table: pd.DataFrame) -> pd.DataFrame:
    """Which setting to use: one sentence per model, in Markdown."""
    return pd.DataFrame({"sentence": pd.Series(what_to_use(table), dtype=object)})


def by_guide(table: pd.DataFrame) -> pd.DataFrame:
    """Verdict counts of each family over all settings, and its best setting with its cost."""
    grid = grid_fits(table)
    counts = grid.groupby([*FAMILY, "verdict"], sort=False).size().unstack(fill_value=0)
    verdicts = [verdict for verdict in ORDER if verdict in counts]
    best = {
        tuple(map(str, (row.model, row.guide, row.schedule, row.block))): row
        for row in rank_settings(table).itertuples()
    }
    rows = []
    for family in families(table):
        counted = counts.loc[tuple(family.key.values()), verdicts].to_dict()
        top = best.get(tuple(family.key.values()))
        rows.append({"guide": family.name, **counted, **_best_of(top, family.of(table))})
    labels = {"guide": "guide"} | {verdict: humanise(verdict) for verdict in verdicts}
    labels |= {"best": "best", "adequate_seeds": "adequate there", "kl": "KL", "seconds": "seconds"}
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _best_of(best, fits: pd.DataFrame) -> dict:
    if best is None:
        return {"best": "", "adequate_seeds": "", "kl": np.nan, "seconds": np.nan}
    same = (fits["label"] == best.label) & np.isclose(fits["step_size"], best.step_size)
    return {
        "best": f"{best.num_particles},\N{NO-BREAK SPACE}{best.step_size:g}",
        "adequate_seeds": count_of(round(best.adequate * best.fits), best.fits),
        "kl": best.kl,
        "seconds": float(fits.loc[same, "seconds"].median()),
    }


def diverged_or_failed(table: pd.DataFrame) -> pd.DataFrame:
    """Failed cells with their messages; diverged fits by guide, with the reason of the clearest."""
    rows = []
    for verdict, column in (("failed", "message"), ("diverged", "reason")):
        fits = table[table["verdict"] == verdict]
        clearest = [name for name in ("evidence_violation_z", "nonfinite") if name in fits]
        fits = fits.sort_values(clearest, ascending=False)
        for (model, guide), group in fits.groupby(["model", "guide"], sort=False):
            total = int(((table["model"] == model) & (table["guide"] == guide)).sum())
            rows.append(
                {
                    "verdict": verdict,
                    "guide": guide,
                    "model": model,
                    "fits": count_of(len(group), total),
                    "why": group[column].iloc[0],
                }
            )
    labels = {
        "verdict": "verdict",
        "guide": "guide",
        **model_label(table),
        "fits": "fits",
        "why": "message, or reason of the clearest fit",
    }
    return with_labels(
        pd.DataFrame(rows, columns=["verdict", "guide", "model", "fits", "why"]), labels
    )
