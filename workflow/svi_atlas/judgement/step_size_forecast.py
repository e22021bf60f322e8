"""What a smaller step size would gain, predicted from the step sizes that were tried.

At rest, the averaged iterate of a step size g is off the optimum by a multiple of g^kappa. The symmetrised
KL divergences between the averages of successive step sizes then tell how far the optimum is from the
last of them. RABVI decides with it whether to go on; here it is a forecast beside `elbo_gap`, which
measures the optimality gap at each step size. The forecast cannot see what a fit lacks for other reasons,
such as too few steps to arrive, or noise that the averages share (all step sizes of a seed see the same
draws).

References
----------
Welandawe, Andersen, Vehtari, Huggins (2022), "Robust, automated, and accurate black-box variational
inference" (RABVI), section 4.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.judgement.excess import elbo_gap_known
from svi_atlas.judgement.ranking import FAMILY, grid_fits

KAPPA = np.linspace(0.5, 1.0, 51)
"""Powers of the step size that RABVI allows. One pair of step sizes determines none; the smallest is
assumed."""

SETTING = [*FAMILY, "label", "num_particles"]

COLUMNS = ["step_size", "pairs", "kappa", "predicted", "halving", "measured"]


def smaller_step(table: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The forecast at every step size of the grid, one row per setting and step size.

    Pairs of step sizes count where both fits are at rest (split R-hat); medians are over the seeds.

    Parameters
    ----------
    table
        `fits.parquet`, one row per fit.
    thresholds
        Limits `rhat` and `elbo_gap`.

    Returns
    -------
    pandas.DataFrame
        The setting and `step_size`; `pairs`, the number of pairs of step sizes behind the forecast;
        `kappa`; `predicted`, nats, by how much the ELBO of the averaged iterate falls short of the
        optimum, half the symmetrised KL divergence; `halving`, nats, how much of it half the step size
        would gain; `measured`, nats, the optimality gap of the averaged iterate where it is known.
        Without a pair at rest all but the last are NaN. Fits that failed have no row.
    """
    grid = grid_fits(table)
    grid = grid[grid["verdict"] != "failed"]
    parts = {
        setting: _forecast_setting(group, thresholds)
        for setting, group in grid.groupby(SETTING, sort=False)
    }
    if not parts:
        return grid[[*SETTING, "step_size"]].assign(**dict.fromkeys(COLUMNS[1:], np.nan))
    return pd.concat(parts, names=SETTING).reset_index(SETTING).reset_index(drop=True)


def _forecast_setting(fits: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    total_gap = fits["elbo_gap"] * fits["gap_parameters"]
    total_gap = total_gap.where(elbo_gap_known(fits, thresholds))
    # (step_size, seed), the smallest step size first.
    rhat, step_kl, measured = (
        fits.assign(value=values).pivot(index="step_size", columns="seed", values="value")
        for values in (fits["rhat"], fits["step_kl"], total_gap)
    )
    step_size, at_rest = rhat.index.to_numpy(float), rhat.to_numpy() <= thresholds["rhat"]
    divergence = step_kl.iloc[1:].where(at_rest[1:] & at_rest[:-1]).median(axis=1).to_numpy()
    kappa, constant, pairs = power_law(step_size[1:], step_size[:-1], divergence)
    predicted = constant * step_size ** (2 * kappa) / 2
    halving = predicted * (1 - 0.25**kappa)
    values = (step_size, pairs, kappa, predicted, halving, measured.median(axis=1).to_numpy())
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))


def power_law(
    larger: np.ndarray, smaller: np.ndarray, divergence: np.ndarray
) -> tuple[float, float, int]:
    """Fit the power law by which divergences from the optimum grow with the step size.

    The optimum is at the divergence c g^(2 kappa) from step size g, and the averages of two step sizes
    are at c (larger^kappa - smaller^kappa)^2 from each other; least squares of its logarithm.

    Parameters
    ----------
    larger, smaller
        Step sizes of each pair, (pair,).
    divergence
        Symmetrised KL divergence between their averages in nats, (pair,). Values that are not positive
        are left out.

    Returns
    -------
    kappa, c, pairs
        `pairs` is the number of divergences used; kappa and c are NaN if it is zero.
    """
    usable = divergence > 0
    count = int(usable.sum())
    if not count:
        return np.nan, np.nan, 0
    powers = [step_size[usable, None] ** KAPPA for step_size in (larger, smaller)]
    logs = np.log(divergence[usable])[:, None] - 2 * np.log(powers[0] - powers[1])
    best = logs.var(axis=0).argmin()
    return float(KAPPA[best]), float(np.exp(logs[:, best].mean())), count
