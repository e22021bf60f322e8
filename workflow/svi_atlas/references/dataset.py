"""A reference as a dataset, as it is stored in `reference.nc`."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.records import Reference


def to_dataset(reference: Reference) -> xr.Dataset:
    """The dataset of a reference.

    Returns
    -------
    dataset : with, for each site of shape (*site),

        - `draw.<site>` (draw, *site), `mean.<site>` and `sd.<site>` (*site);
        - `mean_se.<site>`, `sd_se.<site>` (*site): Monte Carlo standard errors, where there are any;
        - `grid.<site>`, `density.<site>` (grid point): a marginal density, where it is known;
        - `mode_mass` (mode) and `mode_centre.<site>` (mode, *site), where there are several modes;

        and the attributes `log_evidence` (nats, NaN if unknown), `method`, `unreliable`: why nothing may
        be judged against it, "" if it can be trusted, `without_moments`: which component has no
        standard deviation, "" if all have one, `improper`: why the posterior is, "" if it is not known to be,
        and `periodic`: the sites in which it is, separated by commas.
    """
    variables: dict[str, Any] = {}
    for site, draws in reference.draws.items():
        dims = _site_dims(site, np.ndim(draws) - 1)
        variables[f"draw.{site}"] = (["draw", *dims], np.asarray(draws, np.float32))
        variables[f"mean.{site}"] = (dims, np.asarray(reference.mean[site], float))
        variables[f"sd.{site}"] = (dims, np.asarray(reference.sd[site], float))
        for name, errors in (("mean_se", reference.mean_se), ("sd_se", reference.sd_se)):
            if site in errors:
                variables[f"{name}.{site}"] = (dims, np.asarray(errors[site], float))
    for site, (grid, density) in reference.density.items():
        variables[f"grid.{site}"] = ([f"{site}_grid"], np.asarray(grid, float))
        variables[f"density.{site}"] = ([f"{site}_grid"], np.asarray(density, float))
    if reference.modes:
        variables["mode_mass"] = ("mode", [mode.mass for mode in reference.modes])
        for site in reference.modes[0].centre:
            centres = np.array([mode.centre[site] for mode in reference.modes], float)
            dims = _site_dims(site, centres.ndim - 1)
            variables[f"mode_centre.{site}"] = (["mode", *dims], centres)
    attrs = {
        "log_evidence": float(reference.log_evidence),
        "method": reference.method,
        "unreliable": reference.unreliable,
        "without_moments": reference.without_moments,
        "improper": reference.improper,
        "periodic": ", ".join(reference.periodic),
    }
    return xr.Dataset(variables, attrs=attrs)


def _site_dims(site: str, count: int) -> list[str]:
    return [f"{site}_{axis}" for axis in range(count)]
