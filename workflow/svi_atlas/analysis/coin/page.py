"""Sentences with numbers for the page of the coin."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from svi_atlas.analysis import _tables
from svi_atlas.analysis._coin import MANY_PARTICLES, NORMAL, ONE_PARTICLE, toss_counts
from svi_atlas.diagnostics.final_loss import TAIL_SHARE
from svi_atlas.formatting import count_of, humanise, listed, measured, number, plural
from svi_atlas.judgement.ranking import best_settings, grid_fits
from svi_atlas.problems.coin import exact

VISIBLE_DIFFERENCE = 0.01
"""Nats. A loss closer to the optimum looks as if it had reached it."""


def facts(
    table: pd.DataFrame,
    data: xr.Dataset,
    verification: pd.DataFrame,
    beta_settings: pd.DataFrame,
    outside_support: pd.DataFrame,
) -> pd.DataFrame:
    """What the page says about the experiment, as texts for the slots of its notebook.

    Sentences about fits that failed, or that the configuration does not have, are empty.
    """
    heads, tails = toss_counts(data)
    one, many, normal = (
        _single_fit(table, label) for label in (ONE_PARTICLE, MANY_PARTICLES, NORMAL)
    )
    return _tables.facts(
        **_setup(table, heads, tails),
        verdicts=_verdicts(table),
        in_short_tutorial=_in_short_tutorial(one, heads, tails),
        in_short_best=_in_short_best(table, one),
        in_short_verification=_in_short_verification(verification),
        one_particle=_one_particle(one, heads, tails),
        many_particles=_many_particles(many, heads, tails),
        theory_link=_theory_link(many, data),
        signs_check=_signs_check(many, heads, tails),
        normal_fit=_normal_fit(normal),
        beta_settings_text="" if beta_settings.empty else BETA_SETTINGS,
        outside_support_text="" if outside_support.empty else OUTSIDE_SUPPORT,
        statements_page=f"{data.attrs['experiment']}-statements.html",
    )


BETA_SETTINGS = (
    "The guide `beta` by setting: medians over the seeds, for the last iterate and for the average over "
    "the last quarter of the steps (KL in nats)."
)

OUTSIDE_SUPPORT = (
    "The first five columns describe the best setting (medians over its seeds), the last two all "
    "settings. With more particles there are more draws, and so more of them fall outside."
)


def _single_fit(table: pd.DataFrame, label: str) -> pd.Series | None:
    """A single fit that did not fail, or None."""
    rows = table[(table["label"] == label) & (table["verdict"] != "failed")]
    return None if rows.empty else rows.iloc[0]


def _setup(table: pd.DataFrame, heads: int, tails: int) -> dict[str, str]:
    """The data, the posterior, and where the guides start."""
    grid = grid_fits(table)
    alpha, beta = exact.posterior(heads, tails)
    log_evidence = exact.log_evidence(heads, tails)
    nouns = {
        "guide": "guide",
        "num_particles": "particle count",
        "step_size": "step size",
        "seed": "seed",
    }
    return {
        "num_tosses": str(heads + tails),
        "heads": str(heads),
        "tails": str(tails),
        "design": listed([plural(grid[name].nunique(), noun) for name, noun in nouns.items()]),
        "alpha": f"{alpha:g}",
        "beta": f"{beta:g}",
        "log_evidence": number(log_evidence, 8),
        "minus_log_evidence": number(-log_evidence, 8),
        "beta_start": f"{exact.BETA_START:g}",
        "mean_start": f"{exact.MEAN_START:g}",
        "sd_start": f"{exact.SD_START:g}",
    }


def _verdicts(table: pd.DataFrame) -> str:
    counts = table["verdict"].value_counts()
    phrases = {"diverged": "diverged", "failed": "failed"}
    shown = [
        f"{counts[name]:,} {phrases.get(name, f'are {humanise(name)}')}"
        for name in _tables.ORDER
        if name in counts
    ]
    return f"Of {plural(len(table), 'fit')}, {listed(shown)}."


def _in_short_tutorial(one: pd.Series | None, heads: int, tails: int) -> str:
    if one is None:
        return ""
    alpha, beta = exact.posterior(heads, tails)
    distance = abs(one["final_loss"] + exact.log_evidence(heads, tails))
    return (
        f"The tutorial's fit of the guide `beta` with one particle ends with a loss {number(distance, 2)} "
        f"nats from the optimum, yet with alpha_q {number(one['param_last.alpha_q'], 4)} and beta_q "
        f"{number(one['param_last.beta_q'], 4)} instead of {alpha:g} and {beta:g}. Its verdict is "
        f"**{humanise(one['verdict'])}**."
    )


def _in_short_best(table: pd.DataFrame, one: pd.Series | None) -> str:
    best, grid = best_settings(table), grid_fits(table)
    best = best[best["guide"] == "beta"]
    if best.empty:
        return ""
    top = best.iloc[0]
    fits = grid[
        (grid["guide"] == "beta")
        & (grid["label"] == top["label"])
        & (grid["step_size"] == top["step_size"])
    ]
    alpha, beta = (fits[f"param.{name}"].median() for name in ("alpha_q", "beta_q"))
    subject = "The guide `beta`" if one is None else "The same guide"
    return (
        f"{subject} with {plural(int(top['num_particles']), 'particle')} and step size "
        f"{top['step_size']:g} is adequate for {count_of(round(top['adequate'] * top['fits']), top['fits'])} "
        f"seeds; the medians of the averaged iterates over the seeds are alpha_q {number(alpha, 4)} and "
        f"beta_q {number(beta, 4)}."
    )


def _in_short_verification(verification: pd.DataFrame) -> str:
    if verification.empty:
        return ""
    within = count_of(verification["ok"].sum(), len(verification))
    return f"{within} published, exact and previously measured values are within their tolerances."


def _kl(fit: pd.Series, heads: int, tails: int) -> float:
    """KL divergence of a fit of the guide `beta` from the posterior (nats), in closed form."""
    posterior = exact.posterior(heads, tails)
    return float(
        exact.kl_between_betas(fit["param_last.alpha_q"], fit["param_last.beta_q"], *posterior)
    )


def _one_particle(one: pd.Series | None, heads: int, tails: int) -> str:
    if one is None:
        return ""
    alpha, beta = exact.posterior(heads, tails)
    a, b = one["param_last.alpha_q"], one["param_last.beta_q"]
    optimum = -exact.log_evidence(heads, tails)
    settled = abs(one["final_loss"] - optimum) < VISIBLE_DIFFERENCE
    answers = {True: "yes", False: "no"}
    adequate, converged = (answers.get(one[name], "unknown") for name in ("adequate", "converged"))
    return (
        f"**One particle.** The mean of the last {100 * TAIL_SHARE:g} % of the losses is "
        f"{measured(one['final_loss'], one['final_loss_se'])} nats; the optimum is {number(optimum, 6)}. "
        + ("In the figure nothing seems to be left to gain. " if settled else "")
        + f"But alpha_q is {number(a, 4)} and beta_q is {number(b, 4)}, "
        f"{number(100 * (1 - a / alpha), 2)} % and {number(100 * (1 - b / beta), 2)} % short of {alpha:g} "
        f"and {beta:g}. The KL divergence is {number(_kl(one, heads, tails), 2)} nats in closed form "
        f"({measured(one['kl_last'], one['kl_se_last'])} from fresh draws). Without knowledge of the posterior, "
        "fresh draws also show the optimality gap (ELBO still to be gained): "
        f"{measured(one['elbo_gap_last'], one['elbo_gap_se_last'])} nats for each of the two parameters. Split R-hat "
        f"of the parameters is {number(one['rhat'], 3)} over the best window of the fit, "
        f"{one['window']:,} steps. The answer to the question *adequate?*, asked of the averaged iterate, is **{adequate}**, to "
        f"*converged?* it is **{converged}**."
    )


def _many_particles(many: pd.Series | None, heads: int, tails: int) -> str:
    if many is None:
        return ""
    a, b = many["param_last.alpha_q"], many["param_last.beta_q"]
    return (
        f"**{plural(many['num_particles'], 'particle')}**, otherwise the same fit: alpha_q "
        f"{number(a, 4)}, beta_q {number(b, 4)}, KL {number(_kl(many, heads, tails), 2)} nats. Adam "
        "divides the gradient by its magnitude, which includes the noise: with less noise it moves "
        "faster along the direction in which the loss is nearly flat."
    )


def _theory_link(many: pd.Series | None, data: xr.Dataset) -> str:
    """The page on the theory checks this fit."""
    if many is None:
        return ""
    return (
        "The derivation, and a check along a whole fit, are on "
        f"[a separate page]({data.attrs['experiment']}-theory.html)."
    )


def _signs_check(many: pd.Series | None, heads: int, tails: int) -> str:
    if many is None:
        return ""
    return (
        f"Checked on the fit with {plural(many['num_particles'], 'particle')}: the ELBO is "
        f"{measured(many['elbo_last'], many['elbo_se_last'])}, so that KL = "
        f"{number(exact.log_evidence(heads, tails), 8)} + {number(-many['elbo_last'], 8)} = "
        f"{measured(many['kl_last'], many['kl_se_last'])} nats. In closed form, between two Beta densities, it is "
        f"{number(_kl(many, heads, tails), 2)}."
    )


def _normal_fit(normal: pd.Series | None) -> str:
    if normal is None:
        return ""
    mean, sd = normal["param_last.mean"], normal["param_last.sd"]
    num_steps, infinite = normal["num_steps"], round(normal["nonfinite"] * normal["num_steps"])
    if infinite:
        losses = (
            f"{infinite} of its {num_steps:,} losses {'is' if infinite == 1 else 'are'} infinite, the "
            f"first at step {number(int(normal['first_nonfinite']))}."
        )
    else:
        losses = f"None of its {num_steps:,} losses is infinite."
    return (
        f"The tutorial's fit of this guide ends at mean {number(mean, 4)} and sd {number(sd, 4)}, with "
        f"{number(exact.mass_outside_support(mean, sd), 2)} of its mass outside. {losses}"
    )
