"""Which setting to use: the cheapest whose fits can be relied on, and what else is as good."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import grid_fits

RELIABLE = 0.95
"""Share of a setting's seeds that must be adequate."""

SAME_COST = 0.1
"""Costs that differ by less than this share are equal: timings are noisy."""

OFTEN = 0.05
"""A setting that is cheapest in more than this share of the bootstrap resamples is a tie."""

RESAMPLES = 2000

NEXT = {
    "unreliable": "more particles, more steps or a smaller step size with `{guide}`: some of its "
    "fits are adequate, but not reliably so",
    "not_converged": "more steps, more particles or a smaller step size: no fit has reached the "
    "best that its guide can do",
    "missed_mode": "a guide with several modes, such as a mixture of Normals",
    "outside_support": "a guide with the support of the model's sites: a truncated distribution, or an "
    "autoguide, which transforms",
    "mean_field": "`AutoMultivariateNormal`, which has the correlations that a mean-field guide lacks",
    "full_rank": "a normalising flow, `AutoBNAFNormal` or `AutoIAFNormal`, for what a Gaussian cannot do",
    "flow": "a guide of your own or other parameters of the model: a full-rank Gaussian and a flow "
    "have been tried",
}
"""What to try next, by what is wrong with the fits that came closest."""

FULL_RANK, FLOWS = {"AutoMultivariateNormal"}, {"AutoBNAFNormal", "AutoIAFNormal"}

SETTING = ["model", "guide", "label", "num_particles", "num_steps", "step_size", "iterate"]


def recommend(table: pd.DataFrame, reliable: float = RELIABLE) -> pd.DataFrame:
    """The cheapest setting of each model whose share of adequate seeds is at least `reliable`.

    table: `fits.parquet`. A setting is a guide, a particle count, a number of steps, a step size, and
    whether its last or its averaged iterate is used. Returns the recommended setting of each model
    first, then its ties: the settings that are cheapest when the seeds are resampled (bootstrap), in
    more than OFTEN of the resamples. Columns: the setting, `fits` (seeds), `adequate` (share),
    `seconds` (of one fit), `kl` (nats, median), `chosen` (share of the resamples). A model for which no
    setting qualifies has no row.
    """
    settings = _settings(table)
    found = [_of_model(group, reliable) for _, group in settings.groupby("model", sort=False)]
    return pd.concat(found, ignore_index=True) if found else settings.assign(chosen=[])


def why_none_qualifies(table: pd.DataFrame) -> str:
    """Why no setting of a model can be recommended, and what to try next, in words.

    table: the model's rows of `fits.parquet`.
    """
    if (table["verdict"] == "failed").all():
        return "all fits failed"
    share = f"{100 * RELIABLE:g} %"
    return f"no setting is adequate for {share} of its seeds. Try {_next(table)}"


def _next(table: pd.DataFrame) -> str:
    adequate = (table[["verdict", "verdict_averaged"]] == "adequate").any(axis=1)
    if adequate.any():
        return NEXT["unreliable"].format(guide=adequate.groupby(table["guide"]).mean().idxmax())
    converged = table[table["verdict"] == "inadequate"]
    if converged.empty:
        return NEXT["not_converged"]
    closest = converged.sort_values("kl") if "kl" in converged else converged
    closest = closest.head(max(1, len(closest) // 2))
    if "missed_mass" in closest and (closest["missed_mass"] > 0).mean() > 0.5:
        return NEXT["missed_mode"]
    if (closest["outside_support"] > 0).mean() > 0.5:
        return NEXT["outside_support"]
    tried = set(table["guide"])
    if not tried & FULL_RANK:
        return NEXT["mean_field"]
    return NEXT["flow" if tried & FLOWS else "full_rank"]


def _settings(table: pd.DataFrame) -> pd.DataFrame:
    """One row a setting with its seeds summed up."""
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    # If every fit failed the table has no statistics.
    statistics = ["seconds", "kl", "kl_averaged"]
    grid = grid.reindex(columns=grid.columns.union(statistics, sort=False))
    iterates = [
        grid.assign(
            iterate=iterate, good=grid[f"verdict{suffix}"] == "adequate", kl=grid[f"kl{suffix}"]
        )
        for iterate, suffix in (("last", ""), ("averaged", "_averaged"))
    ]
    both = pd.concat(iterates, ignore_index=True)
    return both.groupby(SETTING, sort=False, as_index=False).agg(
        fits=("seed", "size"),
        adequate=("good", "mean"),
        seconds=("seconds", "median"),
        kl=("kl", "median"),
    )


def _of_model(settings: pd.DataFrame, reliable: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    shares = rng.binomial(settings["fits"], settings["adequate"], (RESAMPLES, len(settings)))
    good = shares / settings["fits"].to_numpy() >= reliable
    cost = np.where(good, settings["seconds"], np.inf)
    cheapest = cost.min(axis=1, keepdims=True)
    chosen = np.isfinite(cheapest) & (cost <= cheapest * (1 + SAME_COST))
    settings = settings.assign(chosen=chosen.mean(axis=0))
    qualified = settings[settings["adequate"] >= reliable]
    if qualified.empty:
        return settings.iloc[:0]
    near = qualified[qualified["seconds"] <= qualified["seconds"].min() * (1 + SAME_COST)]
    first = near.sort_values(["adequate", "kl"], ascending=[False, True]).index[0]
    ties = settings[(settings["chosen"] > OFTEN) & (settings.index != first)]
    return pd.concat([settings.loc[[first]], ties.sort_values("chosen", ascending=False)])
