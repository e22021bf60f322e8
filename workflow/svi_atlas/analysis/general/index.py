"""Tables for an experiment's part of the index of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import ORDER, has_models, model_label, with_labels
from svi_atlas.formatting import count_of, humanise, number
from svi_atlas.judgement.families import families
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.judgement.ranking import best_settings as rank_settings
from svi_atlas.judgement.recommendation import recommend, why_none_qualifies

MAX_TIES = 3
"""Settings that are named as equally good."""


def advice(table: pd.DataFrame) -> pd.DataFrame:
    """Which setting to use: one sentence per model, in Markdown, with the settings that are as good."""
    recommended = recommend(table)
    sentences = []
    for model in grid_fits(table)["model"].unique():
        where = f" on the model `{model}`" if has_models(grid_fits(table)) else ""
        rows = list(recommended[recommended["model"] == model].itertuples())
        if not rows:
            why = why_none_qualifies(table[table["model"] == model])
            sentences.append(f"**Nothing to recommend**{where}: {why}.")
            continue
        sentences.append(f"**Use**{where} {_recommendation(rows)}")
    return pd.DataFrame({"sentence": pd.Series(sentences, dtype=object)})


def _recommendation(rows: list) -> str:
    top, *others = rows
    settings = [(row.guide, row.label, row.schedule, row.step_size) for row in rows]
    ties = [row for place, row in enumerate(others, 1) if settings[place] not in settings[:place]]
    kl = f", KL {number(top.kl, 2)} nats" if np.isfinite(top.kl) else ""
    text = (
        f"{_setting(top)}: {round(top.adequate * top.fits)} of {top.fits} seeds are "
        f"adequate{kl}, {number(top.seconds, 2)} s per fit."
    )
    if ties:
        more = f" and {len(ties) - MAX_TIES} more" if len(ties) > MAX_TIES else ""
        text += f" Equally good: {'; '.join(map(_setting, ties[:MAX_TIES]))}{more}."
    return text


def _setting(row) -> str:
    particles = "1 particle" if row.num_particles == 1 else f"{row.num_particles} particles"
    schedule = "" if row.schedule == "constant" else f", schedule `{row.schedule}`"
    whitened = "whitened " if row.whitened else ""
    return f"{whitened}`{row.guide}` ({particles}, step size {row.step_size:g}{schedule})"


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
