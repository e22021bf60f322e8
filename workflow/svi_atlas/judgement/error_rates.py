"""How often the verdict and common stopping rules are wrong, where the truth is known.

The unit is the posterior: fits of one posterior are alike, so that their number says little about others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from svi_atlas.judgement.verdict import at_last_iterate, judge, judge_last

RIGHT_ERROR, WRONG_ERROR = 0.1, 0.2
"""A fit with a true error up to the first is close to the posterior, one beyond the second is not; fits in
between are neither right nor wrong."""

RIGHT_GAP = 0.1
"""Nats. A fit whose ELBO is farther than this below the best of its family has not arrived: it is neither
right, even if it is close, nor for that alone wrong."""

SIZES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "all": lambda parameters: parameters > 0,
    "to_64": lambda parameters: parameters <= 64,
    "above_64": lambda parameters: parameters > 64,
}
"""Which guides a size counts, by their number of parameters."""

ITERATES = {"averaged": (lambda table: table, judge), "last": (at_last_iterate, judge_last)}
"""Iterate -> the table with its statistics, and how it is judged; the recommended one first."""

COMMON_RULES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "loss looks flat (1 %)": lambda table: table["plateau_change"] < 0.01,
    "Stan ADVI (1 %)": lambda table: table["stan_change"] < 0.01,
    "PyMC parameters (0.1 %)": lambda table: table["pymc_change"] < 0.001,
    "FASO (R-hat 1.1, ESS 25)": lambda table: (table["rhat"] <= 1.1) & (table["ess"] > 25),
    "k-hat (0.7)": lambda table: table["khat"] < 0.7,
}
"""Rule -> whether it calls each fit good. None of them sees a reference."""

OF_THE_REFERENCE = (
    "mean_error",
    "sd_ratio",
    "sd_error",
    "combination_",
    "tail_error",
    "kl",
    "missed_mass",
    "evidence_violation_z",
)
"""Beginnings of the names of columns that a reference is needed for."""

FIT = ["model", "guide", "label", "schedule", "step_size", "seed"]
"""Columns that tell the fits of an experiment apart."""

NUM_RESAMPLES = 2_000


def known_fits(
    table: pd.DataFrame, truth: pd.DataFrame, thresholds: Mapping[str, float]
) -> pd.DataFrame:
    """What each rule says of each fit of an experiment, beside what is true of it.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.
    truth
        The true errors (`study.truth.true_errors`), one row per fit and iterate.
    thresholds
        Limits of the verdict by statistic.

    Returns
    -------
    pandas.DataFrame
        One row per fit and iterate: `experiment`, the columns FIT, `num_parameters`, `iterate`, the true
        `error`, `true_gap` (nats below the best ELBO that any fit of the guide, or its polish, has),
        `is_right` and `is_wrong`; `verdict` and `verdict_self`, with the reference and without; and
        `called:<grade>:<rule>`, whether a rule calls the fit good.
    """
    rows = []
    for iterate, (take, judge_iterate) in ITERATES.items():
        at_iterate = take(table)
        graded = {
            "reference": judge_iterate(table, thresholds),
            "self": judge_iterate(_without_reference(table), thresholds),
        }
        called = {
            f"called:{grade}:verdict": (verdicts["verdict"] == "adequate")
            for grade, verdicts in graded.items()
        }
        called["called:self:verdict: converged"] = graded["self"]["converged"].fillna(False)
        called |= {f"called:self:{rule}": says(at_iterate) for rule, says in COMMON_RULES.items()}
        known = at_iterate[[*FIT, "num_parameters"]].assign(
            iterate=iterate,
            verdict=graded["reference"]["verdict"],
            verdict_self=graded["self"]["verdict"],
            reason=graded["reference"]["reason"],
            reason_self=graded["self"]["reason"],
            **{name: values.astype(bool) for name, values in called.items()},
        )
        rows.append(known)
    fits = pd.concat(rows, ignore_index=True).merge(truth, on=[*FIT, "iterate"], validate="1:1")
    best = fits.groupby(["model", "guide"])[["elbo", "polished_elbo"]].transform("max").max(axis=1)
    fits["true_gap"] = best - fits["elbo"]
    fits["is_wrong"] = ~(fits["error"] <= WRONG_ERROR)  # NaN is wrong
    fits["is_right"] = (fits["error"] <= RIGHT_ERROR) & (
        fits["true_gap"] - 2 * fits["elbo_se"] <= RIGHT_GAP
    )
    return fits


def rates(fits: pd.DataFrame) -> pd.DataFrame:
    """How many wrong and right fits each rule calls adequate, by posterior.

    Parameters
    ----------
    fits
        As `known_fits` returns them, of all experiments of a study.

    Returns
    -------
    pandas.DataFrame
        One row per rule, grade ("reference" or "self": what the rule may see), size of the guides and
        iterate: `posteriors` that are counted; `wrong`, `right`: numbers of fits; `*_called_adequate`: how
        many of them the rule calls adequate; `false_rate` and `true_rate`: the share of the wrong and of
        the right fits of a posterior that are called adequate, the mean over posteriors that have any;
        `*_low` and `*_high`: 95 % intervals by a bootstrap of the posteriors. Where all posteriors agree
        a bootstrap has no width, and the exact interval of a share of posteriors is given (Clopper and
        Pearson 1934).
    """
    return pd.DataFrame(list(_rate_rows(fits)))


def _rate_rows(fits: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for column in [str(name) for name in fits if str(name).startswith("called:")]:
        _, grade, rule = column.split(":", 2)
        for size, counts in SIZES.items():
            for iterate in ITERATES:
                chosen = fits[counts(fits["num_parameters"]) & (fits["iterate"] == iterate)]
                row: dict[str, Any] = {"rule": rule, "grade": grade, "size": size}
                row |= {"iterate": iterate, "posteriors": _count_posteriors(chosen)}
                for kind, name in (("wrong", "false"), ("right", "true")):
                    of_kind = chosen[chosen[f"is_{kind}"]]
                    row |= {
                        kind: len(of_kind),
                        f"{kind}_called_adequate": int(of_kind[column].sum()),
                    }
                    shares = of_kind.groupby(["experiment", "model"])[column].mean().to_numpy()
                    row |= _mean_share(shares, name)
                yield row


def _count_posteriors(fits: pd.DataFrame) -> int:
    return len(fits[["experiment", "model"]].drop_duplicates())


def _mean_share(shares: np.ndarray, name: str) -> dict[str, float]:
    """The mean of the shares of the posteriors, with its interval."""
    count = len(shares)
    if count == 0:
        return {f"{name}_rate": np.nan, f"{name}_low": np.nan, f"{name}_high": np.nan}
    if (shares == shares[0]).all() and shares[0] in (0.0, 1.0):
        exact = stats.binomtest(int(shares.sum()), count).proportion_ci(method="exact")
        low, high = exact.low, exact.high
    else:
        picks = np.random.default_rng(0).integers(count, size=(NUM_RESAMPLES, count))
        low, high = np.quantile(shares[picks].mean(1), (0.025, 0.975))
    return {f"{name}_rate": shares.mean(), f"{name}_low": low, f"{name}_high": high}


def _without_reference(table: pd.DataFrame) -> pd.DataFrame:
    known = [name for name in map(str, table) if name.startswith(OF_THE_REFERENCE)]
    return table.assign(**dict.fromkeys(known, np.nan))
