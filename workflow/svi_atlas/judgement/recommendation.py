"""Which setting to use: the cheapest whose fits can be relied on, and which others are as good."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.formatting import count_of
from svi_atlas.judgement.advice import advise, gather
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.judgement.sufficient import MIN_ADEQUATE_SHARE, adequate_share

MAX_COST_DIFFERENCE = 0.1
"""Costs that differ by less than this share are equal: timings are noisy."""

MIN_TIE_SHARE = 0.05
"""A setting that is cheapest in more than this share of the bootstrap resamples is a tie."""

NUM_RESAMPLES = 2000

SETTING = [*FAMILY, "label", "num_particles", "step_size"]


def recommend(table: pd.DataFrame, min_adequate_share: float = MIN_ADEQUATE_SHARE) -> pd.DataFrame:
    """The cheapest setting of each model that is adequate for enough of its seeds, and its ties.

    A setting is a guide, a particle count, and a step size with its schedule. Ties are the settings that
    are cheapest in more than MIN_TIE_SHARE of the bootstrap resamples of the seeds.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.
    min_adequate_share
        Share of the seeds of a setting that must be adequate.

    Returns
    -------
    pandas.DataFrame
        The recommended setting of each model first, then its ties. Columns: the setting, `fits` (number
        of seeds that were judged), `adequate` (share of them), `seconds` (of one fit), `kl` (nats, median), `bootstrap_share`
        (share of the resamples in which it is cheapest). A model for which no setting qualifies has no
        row.
    """
    settings = _summarise_settings(table)
    recommended = [
        _recommend_for_model(group, min_adequate_share)
        for _, group in settings.groupby("model", sort=False)
    ]
    if not recommended:
        return settings.assign(bootstrap_share=[])
    return pd.concat(recommended, ignore_index=True)


def why_none_qualifies(table: pd.DataFrame) -> str:
    """Why no setting of a model can be recommended, and what to try next, in words.

    table: the rows of the model in `fits.parquet`.
    """
    if (grid_fits(table)["verdict"] == "failed").all():
        return "all fits failed"
    evidence = gather(table)
    closest = evidence.closest
    share = f"{100 * MIN_ADEQUATE_SHARE:g} %"
    adequate = count_of((closest["verdict"] == "adequate").sum(), len(closest))
    what = "family" if (closest["block"] == "search").all() else "setting"
    unjudged = closest[closest["verdict"] == "unjudged"]
    if 2 * len(unjudged) > len(closest):
        return (
            f"no {what} can be relied on; of the fits of the best, of `{evidence.guide}`, "
            f"{count_of(len(unjudged), len(closest))} could not be judged. {unjudged['reason'].iloc[0]}"
        )
    return (
        f"no {what} is adequate for {share} of its seeds; the best, of `{evidence.guide}`, is for "
        f"{adequate}. What to try next: {advise(evidence)}"
    )


def _summarise_settings(table: pd.DataFrame) -> pd.DataFrame:
    """One row per setting, summarised over its seeds."""
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    # If every fit failed the table has no statistics.
    grid = grid.reindex(columns=grid.columns.union(["seconds", "kl"], sort=False))
    return grid.groupby(SETTING, sort=False, as_index=False).agg(
        whitened=("whitened", "first"),
        fits=("verdict", _count_judged),
        adequate=("verdict", adequate_share),
        seconds=("seconds", "median"),
        kl=("kl", "median"),
    )


def _count_judged(verdicts: pd.Series) -> int:
    return int((verdicts != "unjudged").sum())


def _recommend_for_model(settings: pd.DataFrame, min_adequate_share: float) -> pd.DataFrame:
    settings = settings.assign(bootstrap_share=_bootstrap_share(settings, min_adequate_share))
    qualified = settings[settings["adequate"] >= min_adequate_share]
    if qualified.empty:
        return settings.iloc[:0]
    max_seconds = qualified["seconds"].min() * (1 + MAX_COST_DIFFERENCE)
    cheap = qualified[qualified["seconds"] <= max_seconds]
    first = cheap.sort_values(["adequate", "kl"], ascending=[False, True]).index[0]
    ties = settings[(settings["bootstrap_share"] > MIN_TIE_SHARE) & (settings.index != first)]
    return pd.concat([settings.loc[[first]], ties.sort_values("bootstrap_share", ascending=False)])


def _bootstrap_share(settings: pd.DataFrame, min_adequate_share: float) -> np.ndarray:
    """Share of the resamples of the seeds in which each setting qualifies and is cheapest."""
    rng = np.random.default_rng(0)
    counts = rng.binomial(settings["fits"], settings["adequate"], (NUM_RESAMPLES, len(settings)))
    qualifies = counts / np.maximum(settings["fits"].to_numpy(), 1) >= min_adequate_share
    cost = np.where(qualifies, settings["seconds"], np.inf)
    cheapest = cost.min(axis=1, keepdims=True)
    selected = np.isfinite(cheapest) & (cost <= cheapest * (1 + MAX_COST_DIFFERENCE))
    return selected.mean(axis=0)
