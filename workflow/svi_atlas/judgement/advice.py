"""What to try next where no setting of a model can be relied on: what the evidence in its table points to.

Each rule looks at one kind of evidence and gives one sentence, with its numbers and with what to write in the
experiment's file, or "" if there is no such evidence. The first rule that has something to say decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.funnel import MIN_RATIO
from svi_atlas.formatting import measured, number
from svi_atlas.guide_traits import GuideTraits, guide_traits
from svi_atlas.judgement.ranking import FAMILY, grid_fits

SETTING = [*FAMILY, "label", "num_particles", "step_size"]

ARRIVED = ("adequate", "unjudged", "inadequate")
"""Verdicts of fits that have reached the optimum of their guide's family."""

MIN_GRADIENT_SCALE = 10.0
"""Ratio of the scales of the gradient's components from which no one step size suits all of them."""

MAX_NOISE_SHARE = 0.5
"""The last iterate fluctuates if the average of the iterates has less than this share of its gap."""

MIN_GAIN = 0.05
"""Nats that correlations must gain to matter: as many as make a standard deviation 5 % too small."""

MAX_FULL_RANK = 100
"""Components above which a full-rank Normal has too many parameters."""

STATISTICS = (
    "elbo", "elbo_gap", "averaging_gain", "averaging_gain_se", "loss_drift", "loss_drift_se",
    "gap_beyond", "gap_beyond_se", "gradient_scale", "missed_mass", "outside_support", "khat",
    "mean_error", "sd_ratio", "num_parameters", "funnel_ratio", "elbo_gap_last",
)  # fmt: skip
"""Columns that the rules look at; those that a table lacks are unknown."""


@dataclass(frozen=True)
class Evidence:
    """The fits of a model, and those that came closest.

    Attributes
    ----------
    fits
        All fits of grid and search.
    closest
        The fits of the setting that came closest.
    """

    fits: pd.DataFrame
    closest: pd.DataFrame

    @property
    def guide(self) -> str:
        """The guide that came closest."""
        return str(self.closest["guide"].iloc[0])

    @property
    def traits(self) -> GuideTraits:
        """What kind of guide that is."""
        return guide_traits(self.guide)

    @property
    def short(self) -> pd.DataFrame:
        """The fits of the closest setting that are not adequate."""
        return self.closest[self.closest["verdict"] != "adequate"]

    @property
    def family(self) -> pd.DataFrame:
        """All fits of the closest family with the same number of particles."""
        same = [*FAMILY, "num_particles"]
        return self.fits[(self.fits[same] == self.closest[same].iloc[0]).all(axis=1)]

    @property
    def has_arrived(self) -> bool:
        """Whether most of those that are not adequate have reached the optimum of their family."""
        return bool(self.short["verdict"].isin(ARRIVED).mean() > 0.5)

    def median(self, name: str) -> float:
        """Median of a statistic over the fits that are not adequate; NaN if it is unknown."""
        values = self.short[name].replace([np.inf, -np.inf], np.nan).dropna()
        return float(values.median()) if len(values) else np.nan

    def tried(self, has_trait: Callable[[GuideTraits], bool]) -> pd.DataFrame:
        """The fits of other guides of a kind."""
        kind = self.fits["guide"].map(lambda guide: has_trait(guide_traits(guide)))
        return self.fits[kind & (self.fits["guide"] != self.guide)]


def gather(table: pd.DataFrame) -> Evidence:
    """The evidence in the rows of a model in `fits.parquet`, of which not all failed."""
    fits = grid_fits(table)
    fits = fits[fits["verdict"] != "failed"]
    fits = fits.reindex(columns=fits.columns.union(list(STATISTICS), sort=False))
    return Evidence(fits, _closest(fits))


def _closest(fits: pd.DataFrame) -> pd.DataFrame:
    """The fits of the setting with most adequate seeds; else with the best ELBO, of those that have
    arrived if there are any."""
    settings = (
        fits.assign(
            is_adequate=fits["verdict"] == "adequate",
            has_arrived=fits["verdict"].isin(ARRIVED),
            elbo=fits["elbo"].fillna(-np.inf),
        )
        .groupby(SETTING, sort=False)
        .agg(
            adequate=("is_adequate", "mean"),
            arrived=("has_arrived", "mean"),
            elbo=("elbo", "median"),
        )
    )
    if settings["adequate"].max() > 0:
        best = settings.sort_values(["adequate", "elbo"]).index[-1]
    elif (arrived := settings[settings["arrived"] > 0.5]).size:
        best = arrived["elbo"].idxmax()
    else:
        best = settings["elbo"].idxmax()
    return fits[(fits[SETTING] == pd.Series(best, SETTING)).all(axis=1)]


def advise(evidence: Evidence) -> str:
    """What to try next: one sentence without a full stop."""
    return next(text for text in (rule(evidence) for rule in RULES) if text)


def diverged(evidence: Evidence) -> str:
    """Most fits diverge."""
    fits = evidence.short[evidence.short["verdict"] == "diverged"]
    if len(fits) <= len(evidence.short) / 2:
        return ""
    text = f"most fits of `{evidence.guide}` diverge: {fits['reason'].iloc[0].rstrip('.')}"
    if not (fits["nonfinite"] > 0).any():
        return f"{text}; correct the guide"
    smaller = evidence.family["step_size"].min() / 10
    return f"{text}; try a smaller step size, `step_sizes: [{smaller:g}]`"


def missed_modes(evidence: Evidence) -> str:
    """Modes of the posterior where the guide does not draw."""
    missed = evidence.short[evidence.short["missed_mass"] > 0]
    if not evidence.has_arrived or len(missed) <= len(evidence.short) / 2:
        return ""
    place = missed["missed_mode"].mode().iloc[0]
    return (
        f"`{evidence.guide}` misses the mode at {place}, and with it {missed['missed_mass'].median():.0%} "
        "of the posterior mass: write a guide that is a mixture with a component for each mode; fits that "
        "start in a mode, `autoguides: {label: {class: ..., start: {value: {site: ...}}}}`, show where "
        "its component belongs"
    )


def outside_support(evidence: Evidence) -> str:
    """Draws where the density of the model is zero."""
    share = evidence.median("outside_support")
    if not evidence.has_arrived or not share > 0:
        return ""
    return (
        f"{share:.2%} of the draws of `{evidence.guide}` fall where the density of the model is zero: "
        "give its sites distributions with the support that they have in the model, or use an autoguide, "
        "which transforms its draws to the support, `guides: [AutoNormal]`"
    )


def funnel(evidence: Evidence) -> str:
    """The spread of some sites depends on the value of another."""
    ratio = evidence.median("funnel_ratio")
    if not ratio > MIN_RATIO:
        return ""
    site = evidence.short["funnel_site"].mode().iloc[0]
    return (
        f"the posterior is a funnel, in which spreads grow by a factor of {number(ratio, 2)} from small "
        f"to large values of `{site}`, and no guide with one shape everywhere matches it: write the model "
        f"in its non-centred form, with standard Normal sites that are multiplied by `{site}` "
        "(`numpyro.infer.reparam.LocScaleReparam(0)`)"
    )


def badly_scaled(evidence: Evidence) -> str:
    """Gradients of very different scales hold a plain guide back."""
    scale = evidence.median("gradient_scale")
    refused = evidence.short["start"].str.contains("not usable").any()
    whitened = evidence.short["whitened"].astype(bool).any()
    if evidence.has_arrived or refused or whitened or not scale > MIN_GRADIENT_SCALE:
        return ""
    if evidence.guide == "AutoNormal":
        name = "AutoDiagonalNormal"
    else:
        name = evidence.guide if evidence.traits.whitenable else "AutoMultivariateNormal"
    return (
        f"fits of `{evidence.guide}` do not arrive, and the components of the gradient differ in scale by "
        f"a factor of {number(scale, 2)}, so that no one step size suits all of them: whiten the guide, "
        f"`autoguides: {{whitened: {{class: {name}, whitened: true}}}}`, or give `search: {{}}` instead of "
        "`grid`, which does so by itself"
    )


def noise(evidence: Evidence) -> str:
    """The noise of the gradient keeps fits from the optimum."""
    if evidence.has_arrived:
        return ""
    where = _fluctuates(evidence) or _grows_with_step_size(evidence)
    if not where:
        return ""
    first = evidence.closest.iloc[0]
    if first["schedule"] == "constant":
        remedy = "let the step size fall, `schedules: [cosine]`"
    else:
        remedy = f"use more particles, {_more_particles(evidence)}"
    return f"the noise of the gradient keeps fits of `{evidence.guide}` from the optimum, {where}: {remedy}"


def _fluctuates(evidence: Evidence) -> str:
    last, averaged = evidence.median("elbo_gap_last"), evidence.median("elbo_gap")
    gain = evidence.median("averaging_gain")
    if not gain > 2 * evidence.median("averaging_gain_se"):
        return ""
    if averaged < MAX_NOISE_SHARE * last:
        return (
            f"since the last iterate lacks {number(last, 2)} nats per parameter and the average of the "
            f"iterates {number(averaged, 2)}"
        )
    if np.isnan(last):
        return f"since averaging the iterates gains {number(gain, 2)} nats"
    return ""


def _grows_with_step_size(evidence: Evidence) -> str:
    loss = _loss_by_step_size(evidence)
    if len(loss) < 2 or not loss.iloc[0] < loss.iloc[1:].min() - MIN_GAIN:
        return ""
    return (
        f"since their negative ELBO is {number(loss.iloc[0])} nats with a step size of "
        f"{loss.index[0]:g} and {number(loss.iloc[1])} with {loss.index[1]:g}"
    )


def _loss_by_step_size(evidence: Evidence) -> pd.Series:
    """The negative ELBO of the family by step size, nats (median)."""
    return -evidence.family.groupby("step_size")["elbo"].median().dropna()


def drift(evidence: Evidence) -> str:
    """Fits are still on their way."""
    if evidence.has_arrived:
        return ""
    last, averaged = evidence.median("elbo_gap_last"), evidence.median("elbo_gap")
    fall = -evidence.median("loss_drift")
    found = [f"fits of `{evidence.guide}` have not arrived"]
    if np.isfinite(last):
        found.append(
            f"the last iterate lacks {number(last, 2)} nats per parameter and the average of the "
            f"iterates {number(averaged, 2)}"
        )
    if fall > 2 * evidence.median("loss_drift_se"):
        found.append(f"the loss still falls by {number(fall, 2)} nats per 1,000 steps")
    return f"{', '.join(found)}: {_go_on(evidence)}"


def _go_on(evidence: Evidence) -> str:
    first, longest = evidence.closest.iloc[0], int(evidence.closest["num_steps"].max())
    if first["block"] == "search":
        budget = 4 * longest * int(first["num_particles"])
        return f"raise the budget, `search: {{budget: {float(f'{budget:.1g}'):.0f}}}`"
    loss = _loss_by_step_size(evidence)
    more = f"more steps, `num_steps: {4 * longest}`"
    if len(loss) > 1 and loss.idxmin() == loss.index[-1]:
        return f"use a larger step size, `step_sizes: [{3 * loss.index[-1]:g}]`, or {more}"
    if first["schedule"] != "constant":
        return f"use {more}, or more particles, {_more_particles(evidence)}"
    return f"use {more}"


def _more_particles(evidence: Evidence) -> str:
    return f"`num_particles: [{4 * max(1, evidence.closest['num_particles'].iloc[0])}]`"


def correlation(evidence: Evidence) -> str:
    """Correlations that the family lacks would gain something."""
    gain, error = evidence.median("gap_beyond"), evidence.median("gap_beyond_se")
    if not (evidence.has_arrived and gain - 2 * error > 0 and gain > MIN_GAIN):
        return ""
    num_components = evidence.median("num_parameters") / 2
    name = "AutoMultivariateNormal"
    if num_components > MAX_FULL_RANK:
        name = "AutoLowRankMultivariateNormal"
    found = f"the correlations that `{evidence.guide}` lacks would gain about {measured(gain, error)} nats"
    return _another_family(evidence, lambda traits: traits.full_rank, name, found)


def no_normal(evidence: Evidence) -> str:
    """No Normal matches the posterior."""
    gain, error = evidence.median("gap_beyond"), evidence.median("gap_beyond_se")
    known = gain + 2 * error <= 2 * MIN_GAIN
    if not evidence.has_arrived or evidence.traits.flow or not known:
        return ""
    one_component = evidence.median("num_parameters") <= 2  # an autoregressive flow needs two
    name = "AutoBNAFNormal" if one_component else "AutoIAFNormal"
    found = (
        f"`{evidence.guide}` has arrived, correlations that it lacks would gain only "
        f"{measured(gain, error)} nats, and yet {_what_is_wrong(evidence)}, so that no Normal matches "
        "the posterior"
    )
    return _another_family(evidence, lambda traits: traits.flow, name, found)


def not_known(evidence: Evidence) -> str:
    """What correlations would gain is not known, as of a guide written by hand, or not well enough."""
    if not evidence.has_arrived or evidence.traits.flow:
        return ""
    gain, error = evidence.median("gap_beyond"), evidence.median("gap_beyond_se")
    known = f"only as {measured(gain, error)} nats" if np.isfinite(gain) else "not"
    found = (
        f"`{evidence.guide}` has arrived, and {_what_is_wrong(evidence)}; what correlations would gain is "
        f"{known} known"
    )
    name = "AutoMultivariateNormal"
    return _another_family(evidence, lambda traits: traits.full_rank or traits.flow, name, found)


def _another_family(
    evidence: Evidence, has_trait: Callable[[GuideTraits], bool], name: str, found: str
) -> str:
    """The advice to try a family, or to let it arrive if it has been tried; "" if it has arrived."""
    tried = evidence.tried(has_trait)
    if tried.empty:
        return f"{found}: try `guides: [{name}]`"
    other = replace(evidence, closest=_closest(tried))
    if other.has_arrived or other.short.empty:
        return ""
    arrival = next(text for text in (rule(other) for rule in (badly_scaled, noise, drift)) if text)
    return f"{found}, but {arrival}"


def nothing_left(evidence: Evidence) -> str:
    """The most expressive family has arrived."""
    return (
        f"`{evidence.guide}` has arrived, and {_what_is_wrong(evidence)}: no other autoguide promises "
        "more; write a guide of your own, or the model in another parametrisation"
    )


def _what_is_wrong(evidence: Evidence) -> str:
    """The statistics of fits that are not adequate, in words."""
    texts = {
        "khat": "k-hat is {}",
        "mean_error": "a mean is off by {} posterior standard deviations",
        "sd_ratio": "a standard deviation is {} times that of the posterior",
    }
    values = {name: evidence.median(name) for name in texts}
    known = [
        texts[name].format(number(values[name], 2))
        for name in texts
        if values[name] == values[name]
    ]
    return ", ".join(known) or "its accuracy is not known"


RULES = (
    diverged, missed_modes, outside_support, funnel,
    badly_scaled, noise, drift,
    correlation, no_normal, not_known, nothing_left,
)  # fmt: skip
"""In the order in which they are asked: what no setting can cure, then what keeps fits from arriving, then
what those that have arrived lack."""
