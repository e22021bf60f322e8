"""All statistics of all fits of a cell, as a tidy table.

A new statistic is one file and one line. The file holds one function on plain arrays. Its parameters
are named after what it needs: fields of `FitInputs` or `IterateInputs` (`inputs.py`), or columns of
statistics listed before it. It returns a dict of arrays with one entry per fit, which become columns of
the table; the Monte Carlo standard error of a column `x` is the column `x_se`. The line is its entry in
FIT_STATISTICS or ITERATE_STATISTICS below. Its columns are described in `results/columns.py`, and
`tests/contract/test_statistics.py` tests every statistic that is listed here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.diagnostics.averaging_gain import averaging_gain
from svi_atlas.diagnostics.between_seeds import between_seeds
from svi_atlas.diagnostics.bounds import bounds
from svi_atlas.diagnostics.combinations import combinations
from svi_atlas.diagnostics.elbo import elbo
from svi_atlas.diagnostics.elbo_gap import elbo_gap
from svi_atlas.diagnostics.final_loss import final_loss
from svi_atlas.diagnostics.funnel import find_funnel
from svi_atlas.diagnostics.importance_moments import importance_moments
from svi_atlas.diagnostics.inputs import (
    ITERATES,
    FitInputs,
    coordinate,
    deterministic,
    fit_first,
    fitted_as_point,
    log_weight,
    num_components,
    number_fits,
    read_draws,
    read_fit_inputs,
    read_iterate_inputs,
    reference_draws,
)
from svi_atlas.diagnostics.khat import khat
from svi_atlas.diagnostics.loss_acceleration import loss_acceleration
from svi_atlas.diagnostics.loss_drift import loss_drift
from svi_atlas.diagnostics.missed_modes import missed_modes
from svi_atlas.diagnostics.moments import moments
from svi_atlas.diagnostics.other_fits import other_fits
from svi_atlas.diagnostics.parameter_drift import parameter_drift
from svi_atlas.diagnostics.reference_mask import mask_unreliable
from svi_atlas.diagnostics.stopping_rules import stopping_rules
from svi_atlas.diagnostics.tail_probabilities import tail_probabilities
from svi_atlas.diagnostics.wasserstein import wasserstein

Columns = dict[str, np.ndarray]
"""Arrays (fit,) by column."""

Statistic = Callable[..., Columns]

FIT_STATISTICS: tuple[Statistic, ...] = (
    final_loss,
    loss_drift,
    loss_acceleration,
    parameter_drift,
    between_seeds,
    averaging_gain,
    stopping_rules,
)
"""Statistics of a fit as a whole, from `FitInputs`."""

ITERATE_STATISTICS: tuple[Statistic, ...] = (
    elbo_gap,
    elbo,
    khat,
    bounds,  # needs the columns of elbo and khat
    moments,
    combinations,
    tail_probabilities,
    wasserstein,
    missed_modes,
)
"""Statistics of the last and again of the averaged iterate, from `IterateInputs`."""

DRAWN_STATISTICS = ("gap_beyond", "gap_beyond_se", "gradient_scale", "step_kl", "step_kl_se")
"""Statistics of each iterate that the fit stage computed from draws, taken as they are."""

MAX_COMPONENTS = 16
"""Parameters with more scalar components get no columns of their own."""

CELL_ATTRIBUTES = (
    "experiment",
    "model",
    "guide",
    "block",
    "label",
    "num_particles",
    "num_draws",
    "optimizer",
    "whitened",
    "start",
)
"""Columns that are the same for all fits of a cell."""


def diagnose(fits: xr.Dataset, reference: xr.Dataset) -> pd.DataFrame:
    """One row per fit: what it is, its statistics, its scalar parameters.

    Parameters
    ----------
    fits
        A cell as the fit stage wrote it.
    reference
        The posterior to compare with.

    Returns
    -------
    pandas.DataFrame
        Columns as described in `svi_atlas.results.columns`; of each iterate those of the averaged
        one, which the verdict is about; those of the last end in `_last`. A cell that failed has no statistics but a `message`.
    """
    if "skipped" in fits.attrs:
        return pd.DataFrame({name: [] for name in CELL_ATTRIBUTES})
    table = _describe_fits(fits, reference)
    if "message" in fits.attrs:
        return table
    reference = mask_unreliable(reference)
    fits = number_fits(fits)
    columns = pd.concat(_statistics(group, reference) for group in _of_equal_length(fits))
    funnel = find_funnel(_independent(reference_draws(reference) or {}, fits, reference))
    return (
        table.join(columns)
        .join(_compare_fits(fits, reference, columns))
        .assign(funnel_ratio=funnel.ratio, funnel_site=funnel.site)
    )


def _compare_fits(
    fits: xr.Dataset, reference: xr.Dataset, statistics: pd.DataFrame
) -> pd.DataFrame:
    """Columns of what the fits of a cell, of whatever length, say of one another."""
    columns: Columns = {}
    numbers, seed = coordinate(fits, "number"), coordinate(fits, "seed")
    for iterate in ITERATES:
        draws, weights = read_draws(fits, iterate), log_weight(fits, iterate)
        khat = statistics[_of_iterate("khat", iterate)].loc[numbers].to_numpy()
        compared = {
            **other_fits(_independent(draws, fits, reference), weights),
            **importance_moments(draws, weights, seed, khat),
        }
        if fitted_as_point(fits):  # whose loss is not the ELBO, and may well leave some of it
            compared["elbo_deficit"] = np.full_like(compared["elbo_deficit"], np.nan)
        columns |= {_of_iterate(name, iterate): values for name, values in compared.items()}
    return pd.DataFrame(columns, index=numbers)


def _independent(
    draws: Mapping[str, np.ndarray], fits: xr.Dataset, reference: xr.Dataset
) -> dict[str, np.ndarray]:
    """Draws of the latent sites alone; of periodic ones what they determine is looked at instead."""
    periodic = set(reference.attrs.get("periodic", "").split(", ")) & set(draws)
    left_out = periodic or deterministic(fits)
    return {site: values for site, values in draws.items() if site not in left_out}


def _of_equal_length(fits: xr.Dataset) -> Iterator[xr.Dataset]:
    """The fits that stopped after the same number of steps, cut off there; all fits in most cells."""
    lengths = np.unique(fits["steps_used"])
    if len(lengths) == 1:
        yield fits
        return
    stride = int(fits["loss"].attrs["stride"])
    for length in lengths:
        steps = {
            "step": slice(length // stride),
            "snapshot": fits["snapshot_step"].to_numpy() <= length,
        }
        flat = fits.isel(steps).stack(fit=("seed", "setting")).drop_vars(["fit", "seed", "setting"])
        group = flat.isel(fit=flat["steps_used"].to_numpy() == length)
        yield group.rename(fit="seed").expand_dims(setting=1)


def _statistics(fits: xr.Dataset, reference: xr.Dataset) -> pd.DataFrame:
    """Columns of statistics of fits of equal length, by number of the fit."""
    inputs = read_fit_inputs(fits, reference)
    columns = {
        **_recorded_facts(fits, inputs),
        **compute(FIT_STATISTICS, vars(inputs)),
        **_iterate_columns(fits, reference),
        **_scalar_columns(fits, "param"),
        **_scalar_columns(fits, "derived"),
    }
    return pd.DataFrame(columns, index=coordinate(fits, "number"))


def compute(statistics: tuple[Statistic, ...], inputs: Mapping[str, Any]) -> Columns:
    """Columns of statistics, each called with the inputs, and earlier columns, that it names.

    A statistic is skipped if one of the inputs it names is None, that is, unknown.
    """
    columns: Columns = {}
    for statistic in statistics:
        known = {**columns, **inputs}
        names = [name for name in inspect.signature(statistic).parameters if name in known]
        arguments = {name: known[name] for name in names}
        if all(value is not None for value in arguments.values()):
            columns |= statistic(**arguments)
    return columns


def _describe_fits(fits: xr.Dataset, reference: xr.Dataset) -> pd.DataFrame:
    fits = number_fits(fits)
    columns = {
        **{name: fits.attrs[name] for name in CELL_ATTRIBUTES},
        **{name: coordinate(fits, name) for name in ("schedule", "step_size", "seed")},
        **_what_was_done(fits),
    }
    return pd.DataFrame(
        {
            **columns,
            "message": fits.attrs.get("message"),
            "guide_factors": fits.attrs.get("guide_factors", ""),
            "guide_check": fits.attrs.get("guide_check", ""),
            "reference_unreliable": reference.attrs.get("unreliable", ""),
            "without_moments": reference.attrs.get("without_moments", ""),
            "improper": reference.attrs.get("improper", ""),
        },
        index=coordinate(fits, "number"),
    )


def _what_was_done(fits: xr.Dataset) -> Columns:
    """Steps, cost and end of each fit; of a cell that failed only the steps that were planned."""
    if "steps_used" not in fits:
        return {"num_steps": np.full(coordinate(fits, "seed").shape, fits.attrs["num_steps"])}
    steps_used, arrived = fit_first(fits["steps_used"]), fit_first(fits["arrived"])
    return {
        "num_steps": steps_used,
        "stopped": _why_stopped(fits, steps_used, arrived),
        "gradient_evaluations": fit_first(fits["gradient_evaluations"]),
        "seconds": fits.attrs["seconds_run"] * steps_used / steps_used.sum(),
    }


def _why_stopped(fits: xr.Dataset, steps_used: np.ndarray, arrived: np.ndarray) -> np.ndarray:
    """Why each fit stopped, in words, (fit,)."""
    if not fits.attrs["until_arrived"]:
        return np.full(len(steps_used), "all steps", object)
    at_limit = steps_used >= steps_used.max()
    return np.select([arrived, at_limit], ["arrived", "limit of steps"], "undecided").astype(object)


def _recorded_facts(fits: xr.Dataset, inputs: FitInputs) -> Columns:
    """What the fit stage recorded of each fit."""
    return {
        "loss_first": inputs.loss[:, 0],
        "nonfinite": fit_first(fits["nonfinite"]),
        "first_nonfinite": fit_first(fits["first_nonfinite"]),
        "finite_parameters": np.isfinite(inputs.snapshots[:, -1]).all(-1).astype(float),
        "num_components": np.full(len(inputs.step_size), num_components(fits)),
        "num_parameters": np.full(len(inputs.step_size), inputs.snapshots.shape[-1]),
        "fitted_as_point": np.full(len(inputs.step_size), float(fitted_as_point(fits))),
        "is_point": _without_spread(fits),
        "gap_parameters": np.full(len(inputs.step_size), fits.attrs["gap_parameters"]),
    }


def _without_spread(fits: xr.Dataset) -> np.ndarray:
    """1 where all draws of the last iterate are the same, else 0, (fit,)."""
    draws = read_draws(fits, "last").values()
    spread = [np.ptp(values, axis=1).reshape(len(values), -1).max(1) for values in draws]
    return (np.max(spread, axis=0) == 0).astype(float)


def _iterate_columns(fits: xr.Dataset, reference: xr.Dataset) -> Columns:
    columns: Columns = {}
    for iterate in ITERATES:
        at_iterate = fits.isel(iterate=ITERATES.index(iterate))
        inputs = read_iterate_inputs(fits, reference, iterate)
        of_iterate = {
            **{name: fit_first(at_iterate[name]).astype(float) for name in DRAWN_STATISTICS},
            **compute(ITERATE_STATISTICS, vars(inputs)),
        }
        columns |= {_of_iterate(name, iterate): values for name, values in of_iterate.items()}
    return columns


def _of_iterate(name: str, iterate: str) -> str:
    return name if iterate == "averaged" else f"{name}_{iterate}"


def _scalar_columns(fits: xr.Dataset, prefix: str) -> Columns:
    """`param.alpha_q`, `param_last.loc[0]`, ...: parameters, or derived quantities, by component."""
    columns: Columns = {}
    for iterate in ITERATES:
        start = _of_iterate(prefix, iterate)
        for variable in map(str, fits.data_vars):
            if not variable.startswith(f"{prefix}."):
                continue
            values = fit_first(fits[variable].isel(iterate=ITERATES.index(iterate)))
            if values[0].size > MAX_COMPONENTS:
                continue
            for position in np.ndindex(values.shape[1:]):
                component = f"[{','.join(map(str, position))}]" if position else ""
                column = start + variable.removeprefix(prefix) + component
                columns[column] = values[(slice(None), *position)].astype(float)
    return columns
