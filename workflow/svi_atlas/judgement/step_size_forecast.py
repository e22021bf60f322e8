"""What a smaller step size would buy, predicted from the step sizes that were tried.

RABVI (Welandawe, Andersen, Vehtari, Huggins 2022, "Robust, automated, and accurate black-box variational
inference", section 4): at rest, the averaged iterate of a step size g is off the optimum by a multiple of
g^kappa, so that the symmetrised KL divergences between the averages of successive step sizes tell how far
the optimum is from the last of them. RABVI decides with it whether to go on; here it is a forecast beside
`elbo_gap`, which measures what is left to gain at each step size. What a fit lacks for other reasons, such as
steps too few to arrive or noise that the averages share (all step sizes of a seed see the same draws), the
forecast does not see.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import grid_fits
from svi_atlas.judgement.verdict import elbo_gap_known

KAPPA = np.linspace(0.5, 1.0, 51)
"""Powers of the step size that RABVI allows. One pair of step sizes tells none; the least is assumed."""

SETTING = ["model", "guide", "label", "num_particles"]

COLUMNS = ["step_size", "pairs", "kappa", "predicted", "halving", "measured"]


def smaller_step(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The forecast at every step size of the grid, one row a setting and step size.

    table: `fits.parquet`. Pairs of averages count where both fits are at rest (split R-hat), medians
    over the seeds. Columns: the setting, `step_size`, `pairs` (pairs of step sizes it rests on), `kappa`,
    `predicted` (nats, the ELBO that the averaged iterate lacks, half the symmetrised KL divergence to the
    optimum), `halving` (nats, what half the step size would gain of it) and `measured` (nats, `elbo_gap` of
    the averaged iterate, where it is known). Without a pair at rest all but the last are NaN;
    fits that failed have no row.
    """
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    parts = {
        setting: _of_setting(group, thresholds)
        for setting, group in grid.groupby(SETTING, sort=False)
    }
    if not parts:
        return grid[[*SETTING, "step_size"]].assign(**dict.fromkeys(COLUMNS[1:], np.nan))
    return pd.concat(parts, names=SETTING).reset_index(SETTING).reset_index(drop=True)


def _of_setting(fits: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    left = fits["elbo_gap_averaged"] * fits["num_parameters"]
    left = left.where(elbo_gap_known(fits, thresholds, "_averaged"))
    # (step_size, seed), the smallest step size first.
    rhat, apart, measured = (
        fits.assign(value=values).pivot(index="step_size", columns="seed", values="value")
        for values in (fits["rhat"], fits["step_kl_averaged"], left)
    )
    step_size, rests = rhat.index.to_numpy(float), rhat.to_numpy() <= thresholds["rhat"]
    between = apart.iloc[1:].where(rests[1:] & rests[:-1]).median(axis=1).to_numpy()
    kappa, constant, pairs = power_law(step_size[1:], step_size[:-1], between)
    predicted = constant * step_size ** (2 * kappa) / 2
    halving = predicted * (1 - 0.25**kappa)
    values = (step_size, pairs, kappa, predicted, halving, measured.median(axis=1).to_numpy())
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def power_law(
    larger: np.ndarray, smaller: np.ndarray, divergence: np.ndarray
) -> tuple[float, float, int]:
    """(kappa, c, pairs) such that the optimum is at the divergence c g^(2 kappa) from step size g.

    divergence: (pair,), between the averages at step sizes `larger` and `smaller`, which then is
    c (larger^kappa - smaller^kappa)^2; least squares of its logarithm. Those that are not positive are
    left out; NaN if none is left.
    """
    usable = divergence > 0
    count = int(usable.sum())
    if not count:
        return np.nan, np.nan, 0
    powers = [of[usable, None] ** KAPPA for of in (larger, smaller)]
    logs = np.log(divergence[usable])[:, None] - 2 * np.log(powers[0] - powers[1])
    best = logs.var(axis=0).argmin()
    return float(KAPPA[best]), float(np.exp(logs[:, best].mean())), count
