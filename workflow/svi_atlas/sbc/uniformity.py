"""Whether fits are calibrated: do true values lie anywhere among a guide's draws equally often?

For a calibrated guide the rank of the true value among the draws is uniform over data sets drawn from
the model (Talts et al. 2018). Two tests, with null distributions by simulation, since the ranks of a
finite number of draws have ties:

- symmetry (Yao, Vehtari, Simpson, Gelman 2018, Yes, but did it work?): a guide that is too low or too
  high on average. A guide that is too narrow or too wide passes it.
- uniformity (Säilynoja, Bürkner, Vehtari 2022, Graphical test for discrete uniformity and its
  applications in goodness-of-fit evaluation and multiple sample comparison): any deviation.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped
from scipy import stats

NULL_DRAWS = 10_000
"""Simulations of a null distribution: the smallest p-value is one in this many."""

MAX_POINTS = 100
"""Ranks at which the distribution function is compared with that of a uniform."""

Ranks = Shaped[np.ndarray, " simulation"]
"""Rank statistics 0, ..., num_draws, whole numbers."""

LEVEL = 0.01
"""Corrected p-values below it are deviations; bands of histograms hold 1 - LEVEL."""


class CalibrationTest(NamedTuple):
    """A statistic and its p-value."""

    statistic: float
    p_value: float


def judge_calibration(
    ranks: Shaped[np.ndarray, "simulation parameter"], num_draws: int
) -> pd.DataFrame:
    """Both tests for each parameter, one row per parameter.

    Parameters
    ----------
    ranks
        How many of num_draws draws lie below the true value; NaN where a refit was not finite: these
        are counted and left out.
    num_draws
        Draws from each refitted guide.

    Returns
    -------
    Columns `not_finite`, number of refits; `mean` of the probabilities (0.5 if calibrated; above it the
    guide is too low); `spread`, their variance over 1/12 (1 if calibrated; above it the guide is too
    narrow); `symmetry`, `uniformity`, the statistics; `symmetry_p`, `uniformity_p`, their p-values;
    `symmetry_holm`, `uniformity_holm`, the p-values corrected for the number of parameters;
    `finding`, in words.
    """
    rows: list[dict[str, Any]] = []
    for values in np.moveaxis(np.asarray(ranks, float), 1, 0):
        finite = values[np.isfinite(values)].astype(int)
        row: dict[str, Any] = {"not_finite": len(values) - len(finite)}
        if len(finite):
            probabilities = to_probability(finite, num_draws)
            row |= {"mean": probabilities.mean(), "spread": 12 * probabilities.var()}
            for name, test in (("symmetry", check_symmetry), ("uniformity", check_uniformity)):
                row[name], row[f"{name}_p"] = test(finite, num_draws)
        rows.append(row)
    columns = (
        "not_finite",
        "mean",
        "spread",
        "symmetry",
        "symmetry_p",
        "uniformity",
        "uniformity_p",
    )
    table = pd.DataFrame(rows, columns=columns)
    for name in ("symmetry", "uniformity"):
        table[f"{name}_holm"] = correct_by_holm(table[f"{name}_p"].to_numpy(float))
    return table.assign(finding=[describe_finding(row) for _, row in table.iterrows()])


def to_probability(ranks: Ranks, num_draws: int) -> Float[np.ndarray, " simulation"]:
    """Probabilities inside (0, 1) from ranks 0, ..., num_draws, evenly spaced and symmetric."""
    return (np.asarray(ranks) + 0.5) / (num_draws + 1)


def check_symmetry(ranks: Ranks, num_draws: int, seed: int = 0) -> CalibrationTest:
    """Kolmogorov-Smirnov statistic between the probabilities p and 1 - p, and its p-value.

    The two samples are one another's mirror images, so that the usual null distribution does not hold;
    here each p is replaced by 1 - p at random, which changes no symmetric distribution, uniform or not.

    Parameters
    ----------
    ranks
        Rank statistics.
    num_draws
        Their largest possible value.
    seed
        Of the simulated null distribution.
    """
    offset = 2 * np.asarray(ranks) - num_draws
    outward = np.argsort(-np.abs(offset), kind="stable")
    distance = np.abs(offset)[outward]
    last_of_ties = np.append(distance[1:] != distance[:-1], True)
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (NULL_DRAWS, len(ranks)))
    signs[:, distance == 0] = 0

    def statistic(signs):
        return np.abs(signs.cumsum(-1, dtype=np.int32))[..., last_of_ties].max(-1)

    observed = statistic(np.sign(offset)[outward])
    return CalibrationTest(float(observed) / len(ranks), _p_value(statistic(signs) >= observed))


def check_uniformity(ranks: Ranks, num_draws: int) -> CalibrationTest:
    """Smallest two-sided binomial tail probability of the rank ECDF over some points, and its p-value."""
    counts = _count_below(np.asarray(ranks), num_draws)
    observed = _smallest_tail(counts, num_draws, len(ranks))
    return CalibrationTest(
        float(observed), _p_value(_null_statistics(len(ranks), num_draws) <= observed)
    )


def correct_by_holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """p-values corrected for their number (Holm 1979); NaN stays and does not count."""
    corrected = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return corrected


def describe_finding(row: pd.Series) -> str:
    """What the tests of a parameter say, in a few words."""
    if np.isnan(row["symmetry_p"]):
        return "no refit is finite"
    words = []
    if row["symmetry_holm"] < LEVEL:
        words.append("too low" if row["mean"] > 0.5 else "too high")
    if row["uniformity_holm"] < LEVEL and not words:
        words.append("too narrow" if row["spread"] > 1 else "too wide")
    if row["not_finite"]:
        words.append(f"{row['not_finite']:.0f} refits not finite")
    return ", ".join(words) or "no deviation found"


def histogram(ranks: Ranks, num_draws: int, num_bins: int) -> pd.DataFrame:
    """Counts of probabilities in bins, with the band that holds all bars of a uniform, one row per bin.

    The band is binomial, corrected for the number of bins (Bonferroni): a calibrated guide stays in
    it with a probability of at least 1 - LEVEL.

    Parameters
    ----------
    ranks
        Rank statistics; NaN is in no bin.
    num_draws
        Their largest possible value.
    num_bins
        Bins wanted; there are fewer if there are fewer ranks.

    Returns
    -------
    Columns `left`, `right`, the edges; `count`, `low`, `high`, numbers of simulations.
    """
    edges = np.unique(np.linspace(0, num_draws + 1, num_bins + 1).round().astype(int))
    share = np.diff(edges) / (num_draws + 1)
    tail = LEVEL / len(share) / 2
    return pd.DataFrame(
        {
            "left": edges[:-1] / (num_draws + 1),
            "right": edges[1:] / (num_draws + 1),
            "count": np.histogram(ranks, edges - 0.5)[0],
            "low": stats.binom.ppf(tail, len(ranks), share),
            "high": stats.binom.ppf(1 - tail, len(ranks), share),
        }
    )


def _p_value(extreme: np.ndarray) -> float:
    """p-value of a simulated test, the observation among the simulations, so that it is valid."""
    return float((1 + extreme.sum()) / (1 + len(extreme)))


def _points(num_draws: int) -> Int[np.ndarray, " point"]:
    """Ranks at which the distribution function is evaluated."""
    return np.unique(np.linspace(1, num_draws, min(num_draws, MAX_POINTS)).round().astype(int))


def _count_below(ranks: Ranks, num_draws: int) -> Int[np.ndarray, " point"]:
    """Number of simulations whose rank is below each point."""
    return np.searchsorted(np.sort(ranks), _points(num_draws), side="left")


def _smallest_tail(counts: Int[np.ndarray, "*shape point"], num_draws: int, size: int):
    """The smallest tail probability over the points, of counts among `size` simulations."""
    tails = _tails(num_draws, size)
    return tails[counts, np.arange(tails.shape[1])].min(-1)


@cache
def _tails(num_draws: int, size: int) -> Float[np.ndarray, "count point"]:
    """Two-sided tail probability of each count 0, ..., size at each point."""
    counts, share = np.arange(size + 1)[:, None], _points(num_draws) / (num_draws + 1)
    low = stats.binom.cdf(counts, size, share)
    high = stats.binom.sf(counts - 1, size, share)
    return np.minimum(2 * np.minimum(low, high), 1.0)


@cache
def _null_statistics(size: int, num_draws: int) -> Float[np.ndarray, " null_draw"]:
    """Statistics of `size` uniform ranks, (NULL_DRAWS,)."""
    points = np.array([0, *_points(num_draws), num_draws + 1])
    rng = np.random.default_rng(0)
    inside = rng.multinomial(size, np.diff(points) / (num_draws + 1), NULL_DRAWS)
    return _smallest_tail(inside.cumsum(-1)[:, :-1], num_draws, size)
