"""Whether fits are calibrated: do true values lie anywhere among a guide's draws equally often?

A calibrated guide has them below the true value with a probability that is uniform on (0, 1) over
data sets drawn from the model. Two tests, with null distributions by simulation, since the
probabilities are shares of a finite number of draws:

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
from scipy import stats

NULL_DRAWS = 10_000
"""Simulations of a null distribution: the smallest p-value is one in this many."""

MOST_POINTS = 100
"""Probabilities at which the distribution function is compared with that of a uniform."""

LEVEL = 0.01
"""Corrected p-values below it are deviations; bands of histograms hold 1 - LEVEL."""


class Result(NamedTuple):
    statistic: float
    p_value: float


def calibration(below: np.ndarray, num_draws: int) -> pd.DataFrame:
    """Both tests for each parameter, a row each.

    below: (simulation, parameter), how many of num_draws draws lie below the true value; NaN where a
    refit was not finite: these are counted and left out. Columns: `not_finite`; `mean` of the
    probabilities (0.5 if calibrated; above it the guide is too low), `spread`, their variance over
    1/12 (1 if calibrated; above it the guide is too narrow); statistic and p-value of each test, and
    the p-value corrected for the number of parameters (`_holm`).
    """
    rows: list[dict[str, Any]] = []
    for values in np.moveaxis(np.asarray(below, float), 1, 0):
        counts = values[np.isfinite(values)].astype(int)
        row: dict[str, Any] = {"not_finite": len(values) - len(counts)}
        if len(counts):
            share = probability(counts, num_draws)
            row |= {"mean": share.mean(), "spread": 12 * share.var()}
            for name, test in (("symmetry", symmetry), ("uniformity", uniformity)):
                row[name], row[f"{name}_p"] = test(counts, num_draws)
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
        table[f"{name}_holm"] = holm(table[f"{name}_p"].to_numpy(float))
    return table.assign(finding=[finding(row) for _, row in table.iterrows()])


def probability(below: np.ndarray, num_draws: int) -> np.ndarray:
    """Probabilities inside (0, 1) from counts 0, ..., num_draws, evenly spaced and symmetric."""
    return (np.asarray(below) + 0.5) / (num_draws + 1)


def symmetry(below: np.ndarray, num_draws: int, seed: int = 0) -> Result:
    """Kolmogorov-Smirnov statistic between p and 1 - p, and its p-value.

    below: counts (simulation,). The two samples are one another's mirror images, so that the usual
    null distribution does not hold; here each p is replaced by 1 - p at random, which changes no
    symmetric distribution, uniform or not.
    """
    offset = 2 * np.asarray(below) - num_draws
    outward = np.argsort(-np.abs(offset), kind="stable")
    distance = np.abs(offset)[outward]
    last_of_ties = np.append(distance[1:] != distance[:-1], True)
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), (NULL_DRAWS, len(below)))
    signs[:, distance == 0] = 0

    def statistic(signs: np.ndarray) -> np.ndarray:
        return np.abs(signs.cumsum(-1, dtype=np.int32))[..., last_of_ties].max(-1)

    found = statistic(np.sign(offset)[outward])
    return Result(float(found) / len(below), _share(statistic(signs) >= found))


def uniformity(below: np.ndarray, num_draws: int) -> Result:
    """The least likely of the numbers of probabilities below each of some points, and its p-value.

    below: counts (simulation,). At each point the number is binomial; the statistic is its smallest
    two-sided tail probability.
    """
    found = _least_likely(_numbers_below(np.asarray(below), num_draws), num_draws, len(below))
    return Result(float(found), _share(_null(len(below), num_draws) <= found))


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values (test,) corrected for their number (Holm 1979); NaN stays and does not count."""
    corrected = np.full(p_values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known])]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return corrected


def finding(row: pd.Series) -> str:
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


def histogram(below: np.ndarray, num_draws: int, num_bins: int) -> pd.DataFrame:
    """Counts of probabilities in bins, with the band that holds all bars of a uniform, a row a bin.

    The band is binomial, corrected for the number of bins (Bonferroni): a calibrated guide stays in
    it with a probability of at least 1 - LEVEL. Columns `left`, `right`, `count`, `low`, `high`, as
    numbers of simulations.
    """
    edges = np.unique(np.linspace(0, num_draws + 1, num_bins + 1).round().astype(int))
    share = np.diff(edges) / (num_draws + 1)
    tail = LEVEL / len(share) / 2
    return pd.DataFrame(
        {
            "left": edges[:-1] / (num_draws + 1),
            "right": edges[1:] / (num_draws + 1),
            "count": np.histogram(below, edges - 0.5)[0],
            "low": stats.binom.ppf(tail, len(below), share),
            "high": stats.binom.ppf(1 - tail, len(below), share),
        }
    )


def _share(extreme: np.ndarray) -> float:
    """p-value of a simulated test, the observation among the simulations, so that it is valid."""
    return float((1 + extreme.sum()) / (1 + len(extreme)))


def _points(num_draws: int) -> np.ndarray:
    """Counts below which probabilities are numbered, (point,)."""
    return np.unique(np.linspace(1, num_draws, min(num_draws, MOST_POINTS)).round().astype(int))


def _numbers_below(below: np.ndarray, num_draws: int) -> np.ndarray:
    return np.searchsorted(np.sort(below), _points(num_draws), side="left")


def _least_likely(numbers: np.ndarray, num_draws: int, size: int) -> np.ndarray:
    """numbers: (..., point), of `size` simulations."""
    tails = _tails(num_draws, size)
    return tails[numbers, np.arange(tails.shape[1])].min(-1)


@cache
def _tails(num_draws: int, size: int) -> np.ndarray:
    """Two-sided tail probability of each number at each point, (size + 1, point)."""
    numbers, share = np.arange(size + 1)[:, None], _points(num_draws) / (num_draws + 1)
    low = stats.binom.cdf(numbers, size, share)
    high = stats.binom.sf(numbers - 1, size, share)
    return np.minimum(2 * np.minimum(low, high), 1.0)


@cache
def _null(size: int, num_draws: int) -> np.ndarray:
    """Statistics of uniform counts, (NULL_DRAWS,)."""
    points = np.array([0, *_points(num_draws), num_draws + 1])
    rng = np.random.default_rng(0)
    inside = rng.multinomial(size, np.diff(points) / (num_draws + 1), NULL_DRAWS)
    return _least_likely(inside.cumsum(-1)[:, :-1], num_draws, size)
