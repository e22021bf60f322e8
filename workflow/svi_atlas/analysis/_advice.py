"""Which setting to use, in sentences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import has_models
from svi_atlas.formatting import number
from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.judgement.recommendation import recommend, why_none_qualifies

MAX_TIES = 3
"""Settings that are named as equally good."""


def what_to_use(table: pd.DataFrame) -> list[str]:
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
    return sentences


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
