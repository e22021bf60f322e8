"""All statistics of all fits of a cell, as a tidy table."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.diagnostics.between_seeds import between_seeds
from svi_atlas.diagnostics.bounds import bounds
from svi_atlas.diagnostics.drift import loss_acceleration, loss_drift, parameter_drift
from svi_atlas.diagnostics.elbo import averaging_gain, elbo
from svi_atlas.diagnostics.final_loss import final_loss
from svi_atlas.diagnostics.khat import khat
from svi_atlas.diagnostics.missed_modes import missed_modes
from svi_atlas.diagnostics.moments import moments
from svi_atlas.diagnostics.reference_mask import mask_unreliable
from svi_atlas.diagnostics.stopping_rules import stopping_rules
from svi_atlas.diagnostics.wasserstein import wasserstein

MOST_COMPONENTS = 16
"""Parameters with more entries get no columns of their own."""


def diagnose(fits: xr.Dataset, reference: xr.Dataset) -> pd.DataFrame:
    """One row a fit: what it is, its statistics, its scalar parameters.

    fits: a cell as the fit stage wrote it; reference: the posterior to compare with. Statistics of
    the averaged iterate end in `_averaged`.
    """
    names = (
        "experiment",
        "model",
        "guide",
        "block",
        "label",
        "num_particles",
        "num_steps",
        "num_draws",
    )
    step_size, seed = np.meshgrid(fits["step_size"], fits["seed"])
    table = pd.DataFrame({name: fits.attrs[name] for name in names}, index=range(step_size.size))
    table["step_size"], table["seed"] = step_size.ravel(), seed.ravel()
    table["message"] = fits.attrs.get("message")
    table["guide_factors"] = fits.attrs.get("guide_factors", "")
    table["guide_check"] = fits.attrs.get("guide_check", "")
    table["reference_unreliable"] = reference.attrs.get("unreliable", "")
    if "message" in fits.attrs:
        return table
    statistics = _statistics(fits, mask_unreliable(reference), step_size.ravel())
    parameters = {
        column: values
        for prefix in ("param", "derived")
        for index, iterate in enumerate(("last", "averaged"))
        for column, values in _columns(fits, prefix, index, iterate).items()
    }
    seconds = {"seconds": np.full(len(table), fits.attrs["seconds_run"] / len(table))}
    return pd.concat([table, pd.DataFrame({**statistics, **seconds, **parameters})], axis=1)


def _statistics(
    fits: xr.Dataset, reference: xr.Dataset, step_size: np.ndarray
) -> dict[str, np.ndarray]:
    log_evidence = float(reference.attrs["log_evidence"])
    loss, stride = _fit_first(fits["loss"]), int(fits["loss"].attrs.get("stride", 1))
    snapshots = np.concatenate(
        [
            values.reshape(*values.shape[:2], -1)
            for name in fits.data_vars
            if str(name).startswith("unconstrained.")
            for values in [_fit_first(fits[name])]
        ],
        axis=-1,
    )
    log_weight = fits["log_joint"] - fits["log_guide"]
    last, average = (_fit_first(log_weight.isel(iterate=index)) for index in (0, 1))
    found = {
        "loss_first": loss[:, 0],
        "nonfinite": _fit_first(fits["nonfinite"]),
        "first_nonfinite": _fit_first(fits["first_nonfinite"]),
        "finite_parameters": np.isfinite(snapshots[:, -1]).all(-1).astype(float),
        **final_loss(loss, np.nan if _is_point(fits) else log_evidence),
        **loss_drift(loss, stride=stride),
        **({} if _is_point(fits) else loss_acceleration(loss, stride=stride)),
        **parameter_drift(snapshots, fits["snapshot_step"].to_numpy(), step_size),
        **between_seeds(snapshots, loss, step_size),
        **averaging_gain(last, average),
        "num_parameters": np.full(len(step_size), snapshots.shape[-1]),
        **_of_gradients(fits, snapshots.shape[-1]),
        **stopping_rules(loss, snapshots, fits["snapshot_step"].to_numpy(), stride),
    }
    components = sum(
        int(np.prod(fits[name].shape[4:]))
        for name in fits.data_vars
        if str(name).startswith("site.")
    )
    for index, weights, suffix in ((0, last, ""), (1, average, "_averaged")):
        of_iterate = {**elbo(weights, log_evidence), **khat(weights)}
        of_iterate |= {
            **bounds(weights, of_iterate["elbo"], of_iterate["khat"], components),
            **_against_reference(fits, reference, index),
        }
        found |= {f"{name}{suffix}": values for name, values in of_iterate.items()}
    return found


def _of_gradients(fits: xr.Dataset, num_parameters: int) -> dict[str, np.ndarray]:
    """What is left to gain by optimising on, nats per parameter, and the symmetrised KL divergence to
    the guide at the next smaller step size, nats (see `evaluate.Draws`)."""
    found = {}
    for index, suffix in ((0, ""), (1, "_averaged")):
        for name, unit in (("elbo_gap", num_parameters), ("step_kl", 1)):
            for column in (name, f"{name}_se"):
                values = _fit_first(fits[column].isel(iterate=index)).astype(float)
                found[column + suffix] = values / unit
    return found


def _against_reference(
    fits: xr.Dataset, reference: xr.Dataset, iterate: int
) -> dict[str, np.ndarray]:
    sites = [str(name)[5:] for name in reference.data_vars if str(name).startswith("mean.")]
    mean: Mapping = {site: reference[f"mean.{site}"].to_numpy() for site in sites}
    sd = {site: reference[f"sd.{site}"].to_numpy() for site in sites}
    draws = {site: _fit_first(fits[f"site.{site}"].isel(iterate=iterate)) for site in sites}
    found = moments(draws, mean, sd)
    if all(f"draw.{site}" in reference for site in sites):
        exact = {site: reference[f"draw.{site}"].to_numpy() for site in sites}
        found |= wasserstein(draws, exact, sd)
    if "mode_mass" in reference:
        centres = {
            site: reference[f"mode_centre.{site}"].to_numpy()
            for site in sites
            if f"mode_centre.{site}" in reference
        }
        found |= missed_modes(draws, sd, centres, reference["mode_mass"].to_numpy())
    return found


def _is_point(fits: xr.Dataset) -> bool:
    """Whether a point was fitted (Laplace): its loss has no entropy and is no negative ELBO."""
    autoguide = json.loads(fits.attrs.get("spec", "{}")).get("autoguide") or {}
    return "AutoLaplaceApproximation" in (fits.attrs["guide"], autoguide.get("class"))


def _fit_first(array: xr.DataArray) -> np.ndarray:
    """(fit, ...) from an array with dimensions seed and step_size, in that order."""
    ordered = array.transpose("seed", "step_size", ...).to_numpy()
    return ordered.reshape(-1, *ordered.shape[2:])


def _columns(fits: xr.Dataset, prefix: str, index: int, iterate: str) -> dict[str, np.ndarray]:
    """`param.alpha_q`, `param_averaged.loc[0]`, ...: parameters and derived quantities of few components."""
    start = (
        prefix
        if iterate == "last"
        else {"param": "averaged", "derived": "derived_averaged"}[prefix]
    )
    found = {}
    for name in fits.data_vars:
        if not str(name).startswith(f"{prefix}."):
            continue
        values = _fit_first(fits[name].isel(iterate=index))
        if values[0].size > MOST_COMPONENTS:
            continue
        for position in np.ndindex(values.shape[1:]):
            where = f"[{','.join(map(str, position))}]" if position else ""
            column = start + str(name)[len(prefix) :] + where
            found[column] = values[(slice(None), *position)].astype(float)
    return found
