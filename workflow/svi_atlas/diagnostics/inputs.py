"""The plain arrays that statistics are computed from, one row per fit of a cell.

The fields are what a statistic can ask for: a parameter of its function with the name of a field
receives that field (see `table.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int, Real, Shaped

from svi_atlas.guide_traits import guide_traits

ITERATES = ("last", "averaged")
"""Iterates of a fit that are drawn from, in the order of the dimension `iterate`."""


@dataclass(frozen=True)
class FitInputs:
    """Arrays of the fits of a cell. None means unknown, and skips the statistics that ask for it.

    Attributes
    ----------
    setting
        Number of the setting (schedule and step size) of each fit.
    step_size
        Step size of each fit, the peak of its schedule.
    loss
        Losses in nats, each the mean of `stride` steps.
    negative_elbo
        The loss where it is a negative ELBO, else None.
    min_loss
        Lower bound of the loss in nats, minus the log evidence; NaN if unknown or if the loss is no
        negative ELBO.
    stride
        Steps per stored loss.
    snapshots, snapshot_step
        Unconstrained parameters along the fit, and the steps after which they were kept.
    log_weight_last, log_weight_averaged
        ln p(data, z) - ln q(z) in nats of draws z from the guide at either iterate.
    """

    setting: Int[np.ndarray, " fit"]
    step_size: Float[np.ndarray, " fit"]
    loss: Float[np.ndarray, "fit step"]
    negative_elbo: Float[np.ndarray, "fit step"] | None
    min_loss: float
    stride: int
    snapshots: Float[np.ndarray, "fit snapshot parameter"]
    snapshot_step: Int[np.ndarray, " snapshot"]
    log_weight_last: Float[np.ndarray, "fit draw"]
    log_weight_averaged: Float[np.ndarray, "fit draw"]


@dataclass(frozen=True)
class IterateInputs:
    """Arrays of the fits of a cell at one iterate, last or averaged, and of the reference.

    Attributes
    ----------
    log_weight
        ln p(data, z) - ln q(z) in nats of draws z from the guide.
    log_evidence
        Log evidence in nats, NaN if unknown.
    total_gap, total_gap_se
        ELBO still to be gained within the family of the guide, and its standard error, nats.
    gap_parameters
        Number of parameters that this gain is shared among: those of the guide, or for a flow those of an
        affine change of its base.
    num_components
        Number of scalar components of z.
    draws
        The draws z by site.
    reference_mean, reference_sd
        Posterior means and standard deviations by site, None if there are none.
    reference_mean_se, reference_sd_se
        Their Monte Carlo standard errors, of sites where they are not exact.
    reference_draws
        Draws from the posterior by site, None if there are none.
    mode_centres, mode_masses
        Centres by site, and masses, of the modes of the posterior, None if they are not known.
    """

    log_weight: Float[np.ndarray, "fit draw"]
    log_evidence: float
    total_gap: Float[np.ndarray, " fit"]
    total_gap_se: Float[np.ndarray, " fit"]
    gap_parameters: int
    num_components: int
    draws: Mapping[str, Float[np.ndarray, "fit draw ..."]]
    reference_mean: Mapping[str, Float[np.ndarray, " ..."]] | None
    reference_sd: Mapping[str, Float[np.ndarray, " ..."]] | None
    reference_mean_se: Mapping[str, Float[np.ndarray, " ..."]]
    reference_sd_se: Mapping[str, Float[np.ndarray, " ..."]]
    reference_draws: Mapping[str, Float[np.ndarray, "reference_draw ..."]] | None
    mode_centres: Mapping[str, Float[np.ndarray, "mode ..."]] | None
    mode_masses: Float[np.ndarray, " mode"] | None


def read_fit_inputs(fits: xr.Dataset, reference: xr.Dataset) -> FitInputs:
    """Arrays of a cell as the fit stage wrote it, and of the posterior to compare with."""
    loss, point = fit_first(fits["loss"]), fitted_as_point(fits)
    last, averaged = (log_weight(fits, iterate) for iterate in ITERATES)
    return FitInputs(
        setting=coordinate(fits, "setting"),
        step_size=coordinate(fits, "step_size"),
        loss=loss,
        negative_elbo=None if point else loss,
        min_loss=np.nan if point else -float(reference.attrs["log_evidence"]),
        stride=int(fits["loss"].attrs.get("stride", 1)),
        snapshots=_snapshots(fits),
        snapshot_step=fits["snapshot_step"].to_numpy(),
        log_weight_last=last,
        log_weight_averaged=averaged,
    )


def read_iterate_inputs(fits: xr.Dataset, reference: xr.Dataset, iterate: str) -> IterateInputs:
    """Arrays of a cell at one of ITERATES, and of the posterior to compare with."""
    at_iterate = fits.isel(iterate=ITERATES.index(iterate))
    sites = _sites(reference)
    has_modes = "mode_mass" in reference
    return IterateInputs(
        log_weight=log_weight(fits, iterate),
        log_evidence=float(reference.attrs["log_evidence"]),
        total_gap=fit_first(at_iterate["elbo_gap"]),
        total_gap_se=fit_first(at_iterate["elbo_gap_se"]),
        gap_parameters=int(fits.attrs["gap_parameters"]),
        num_components=num_components(fits),
        draws=read_draws(fits, iterate),
        reference_mean=_by_site(reference, "mean", sites) or None,
        reference_sd=_by_site(reference, "sd", sites) or None,
        reference_mean_se=_by_site(reference, "mean_se", sites),
        reference_sd_se=_by_site(reference, "sd_se", sites),
        reference_draws=reference_draws(reference),
        mode_centres=_by_site(reference, "mode_centre", sites) if has_modes else None,
        mode_masses=reference["mode_mass"].to_numpy() if has_modes else None,
    )


def read_draws(fits: xr.Dataset, iterate: str) -> dict[str, Float[np.ndarray, "fit draw ..."]]:
    """Draws from the guide at one of ITERATES, by site, latent ones and then deterministic ones."""
    at_iterate = fits.isel(iterate=ITERATES.index(iterate))
    sites = [str(name) for name in fits.data_vars if str(name).startswith("site.")]
    return {name.removeprefix("site."): fit_first(at_iterate[name]) for name in sites}


def deterministic(fits: xr.Dataset) -> set[str]:
    """Names of the sites that are functions of others."""
    sites = [(str(name), values) for name, values in fits.data_vars.items()]
    return {
        name.removeprefix("site.")
        for name, values in sites
        if name.startswith("site.") and values.attrs.get("deterministic")
    }


def reference_draws(reference: xr.Dataset) -> dict[str, np.ndarray] | None:
    """Draws from the posterior by site, (draw, ...); None if there are none."""
    sites = _sites(reference)
    if not sites or any(f"draw.{site}" not in reference for site in sites):
        return None
    return _by_site(reference, "draw", sites)


def _sites(reference: xr.Dataset) -> list[str]:
    return [str(name)[5:] for name in reference.data_vars if str(name).startswith("mean.")]


def fit_first(array: xr.DataArray) -> Shaped[np.ndarray, "fit ..."]:
    """Flatten the dimensions seed and setting into one, the first; seeds vary slowest."""
    ordered = array.transpose("seed", "setting", ...).to_numpy()
    return ordered.reshape(-1, *ordered.shape[2:])


def number_fits(fits: xr.Dataset) -> xr.Dataset:
    """A cell whose fits know their `number`, `setting`, `schedule`, `step_size` and `seed`."""
    shape = (fits.sizes["seed"], fits.sizes["setting"])
    of_setting = {
        "setting": np.arange(shape[1]),
        "schedule": fits["schedule"].to_numpy(),
        "step_size": fits["step_size"].to_numpy(),
    }
    of_fit = {name: np.broadcast_to(values, shape) for name, values in of_setting.items()}
    of_fit["seed"] = np.broadcast_to(fits["seed"].to_numpy()[:, None], shape)
    of_fit["number"] = np.arange(np.prod(shape)).reshape(shape)
    return fits.assign(
        {f"fit_{name}": (("seed", "setting"), values) for name, values in of_fit.items()}
    )


def coordinate(fits: xr.Dataset, name: str) -> Shaped[np.ndarray, " fit"]:
    """What `number_fits` noted of each fit."""
    return fit_first(fits[f"fit_{name}"])


def log_weight(fits: xr.Dataset, iterate: str) -> np.ndarray:
    at_iterate = fits[["log_joint", "log_guide"]].isel(iterate=ITERATES.index(iterate))
    return fit_first(at_iterate["log_joint"] - at_iterate["log_guide"])


def _snapshots(fits: xr.Dataset) -> Real[np.ndarray, "fit snapshot parameter"]:
    parameters = [
        fit_first(values)
        for name, values in fits.data_vars.items()
        if str(name).startswith("unconstrained.")
    ]
    flat = [values.reshape(*values.shape[:2], -1) for values in parameters]
    return np.concatenate(flat, axis=-1)


def num_components(fits: xr.Dataset) -> int:
    """Scalar components of the latent sites, of the dimensions iterate, seed, setting, draw, ..."""
    left_out = {f"site.{name}" for name in deterministic(fits)}
    names = {str(name) for name in fits.data_vars if str(name).startswith("site.")} - left_out
    return sum(int(np.prod(fits[name].shape[4:])) for name in names)


def _by_site(reference: xr.Dataset, prefix: str, sites: list[str]) -> dict[str, np.ndarray]:
    return {
        site: reference[f"{prefix}.{site}"].to_numpy()
        for site in sites
        if f"{prefix}.{site}" in reference
    }


def fitted_as_point(fits: xr.Dataset) -> bool:
    """Whether a point was fitted, by the guide itself or as the class of an autoguide with options."""
    autoguide = json.loads(fits.attrs.get("spec", "{}")).get("autoguide") or {}
    return guide_traits(fits.attrs["guide"], autoguide).point
