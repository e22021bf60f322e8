"""Facts for the page of an experiment that has no notebook of its own."""

from __future__ import annotations

import pandas as pd

from svi_atlas.analysis import _tables
from svi_atlas.analysis._advice import what_to_use
from svi_atlas.analysis._shown_fits import shown_fits
from svi_atlas.analysis._tables import has_models
from svi_atlas.formatting import humanise, listed, plural


def facts(table: pd.DataFrame) -> pd.DataFrame:
    """What the page says about the experiment, as texts for the slots of its notebook."""
    grid, search, single = (table[table["block"] == name] for name in ("grid", "search", "single"))
    parts = []
    if len(grid) or search.empty:
        parts.append(_grid(grid))
    if len(search):
        parts.append(
            f"the settings that a search found for {plural(search['guide'].nunique(), 'guide')}, "
            f"with {plural(search['seed'].nunique(), 'seed')}"
        )
    if len(single):
        parts.append(plural(single["label"].nunique(), "single fit"))
    return _tables.facts(
        answer="\n\n".join(what_to_use(table)),
        posterior_of=_posterior_of(table),
        overview=f"{plural(len(table), 'fit')}: {', and '.join(parts)}.",
        single_fits="" if len(single) else "This experiment has no single fits.",
    )


def _posterior_of(table: pd.DataFrame) -> str:
    """Which fit of each model is shown, one sentence per model."""
    several = has_models(table)
    sentences = []
    for model, fit in shown_fits(table):
        where = f"Of the model `{model}`, the" if several else "The"
        sentence = f"{where} fit of `{fit['guide']}` with seed {fit['seed']}, which is {humanise(fit['verdict'])}"
        if fit["verdict"] != "adequate":
            reason = fit["reason"].rstrip(".")
            sentence += f" ({reason[0].lower()}{reason[1:]}): do not rely on it"
        sentences.append(f"{sentence}.")
    if not sentences:
        return "All fits failed."
    return (
        f"{' '.join(sentences)} Columns called *reference* give the same numbers for the posterior that fits are "
        "compared with."
    )


def _grid(grid: pd.DataFrame) -> str:
    counted = {
        "guide": "guide",
        "num_particles": "particle count",
        "step_size": "step size",
        **({"schedule": "schedule"} if grid["schedule"].nunique() > 1 else {}),
    }
    parts = [plural(grid[column].nunique(), noun) for column, noun in counted.items()]
    return listed([", ".join(parts), plural(grid["seed"].nunique(), "seed")])
