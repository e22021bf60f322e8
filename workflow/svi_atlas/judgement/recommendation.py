"""Which setting to use: the cheapest whose fits can be relied on, and which others are as good."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.guide_traits import guide_traits
from svi_atlas.judgement.ranking import FAMILY, grid_fits
from svi_atlas.judgement.sufficient import MIN_ADEQUATE_SHARE

MAX_COST_DIFFERENCE = 0.1
"""Costs that differ by less than this share are equal: timings are noisy."""

MIN_TIE_SHARE = 0.05
"""A setting that is cheapest in more than this share of the bootstrap resamples is a tie."""

NUM_RESAMPLES = 2000

SETTING = [*FAMILY, "label", "num_particles", "step_size", "iterate"]

ADVICE = {
    "unreliable": "more particles, more steps or a smaller step size with `{guide}`: some of its fits "
    "are adequate, but not reliably so",
    "not_converged": "more steps, more particles or a smaller step size: no fit has reached the "
    "optimum of its guide's family",
    "missed_mode": "a guide with several modes, such as a mixture of Normals",
    "outside_support": "a guide whose support is that of the model's sites: a truncated distribution, "
    "or an autoguide, which transforms its draws to the support",
    "mean_field": "`AutoMultivariateNormal`, which has the correlations that a mean-field guide lacks",
    "full_rank": "a normalising flow, `AutoBNAFNormal` or `AutoIAFNormal`, for a posterior that no "
    "Gaussian can match",
    "flow": "a guide of your own, or another parametrisation of the model: a full-rank Gaussian and a "
    "flow have already been tried",
}
"""What to try next, by what is wrong with the fits that came closest."""


def recommend(table: pd.DataFrame, min_adequate_share: float = MIN_ADEQUATE_SHARE) -> pd.DataFrame:
    """The cheapest setting of each model that is adequate for enough of its seeds, and its ties.

    A setting is a guide, a particle count, a step size with its schedule, and whether the last or the
    averaged iterate is used. Ties are the settings that are cheapest in more than MIN_TIE_SHARE of the
    bootstrap resamples of the seeds.

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
        of seeds), `adequate` (share), `seconds` (of one fit), `kl` (nats, median), `bootstrap_share`
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
    if (table["verdict"] == "failed").all():
        return "all fits failed"
    share = f"{100 * MIN_ADEQUATE_SHARE:g} %"
    advice = ADVICE[next_step(table)].format(guide=_most_often_adequate(table))
    return f"no setting is adequate for {share} of its seeds. Try {advice}"


def next_step(table: pd.DataFrame) -> str:
    """What to try next where no setting of a model qualifies: a key of ADVICE.

    table: the rows of the model in `fits.parquet`, of which not all failed.
    """
    if _is_adequate(table).any():
        return "unreliable"
    converged = table[table["verdict"] == "inadequate"]
    if converged.empty:
        return "not_converged"
    closest = converged.sort_values("kl") if "kl" in converged else converged
    closest = closest.head(max(1, len(closest) // 2))
    if "missed_mass" in closest and (closest["missed_mass"] > 0).mean() > 0.5:
        return "missed_mode"
    if (closest["outside_support"] > 0).mean() > 0.5:
        return "outside_support"
    tried = [guide_traits(guide) for guide in table["guide"].unique()]
    if not any(traits.full_rank for traits in tried):
        return "mean_field"
    return "flow" if any(traits.flow for traits in tried) else "full_rank"


def _is_adequate(table: pd.DataFrame) -> pd.Series:
    """Whether either iterate of each fit is adequate."""
    return (table[["verdict", "verdict_averaged"]] == "adequate").any(axis=1)


def _most_often_adequate(table: pd.DataFrame) -> str:
    return str(_is_adequate(table).groupby(table["guide"]).mean().idxmax())


def _summarise_settings(table: pd.DataFrame) -> pd.DataFrame:
    """One row per setting, summarised over its seeds."""
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    # If every fit failed the table has no statistics.
    statistics = ["seconds", "kl", "kl_averaged"]
    grid = grid.reindex(columns=grid.columns.union(statistics, sort=False))
    iterates = [
        grid.assign(
            iterate=iterate,
            is_adequate=grid[f"verdict{suffix}"] == "adequate",
            kl=grid[f"kl{suffix}"],
        )
        for iterate, suffix in (("last", ""), ("averaged", "_averaged"))
    ]
    both = pd.concat(iterates, ignore_index=True)
    return both.groupby(SETTING, sort=False, as_index=False).agg(
        fits=("seed", "size"),
        adequate=("is_adequate", "mean"),
        seconds=("seconds", "median"),
        kl=("kl", "median"),
    )


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
    qualifies = counts / settings["fits"].to_numpy() >= min_adequate_share
    cost = np.where(qualifies, settings["seconds"], np.inf)
    cheapest = cost.min(axis=1, keepdims=True)
    selected = np.isfinite(cheapest) & (cost <= cheapest * (1 + MAX_COST_DIFFERENCE))
    return selected.mean(axis=0)
