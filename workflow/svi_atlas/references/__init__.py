"""References: the posterior to compare fits with."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.problems.base import Problem, Reference


def make_reference(problem: Problem, data: dict[str, Any], settings: dict[str, Any]) -> Reference:
    """The problem's own reference. Raises InputError if it has none."""
    if problem.reference is None:
        raise InputError(
            f"problem {problem.name!r} has no reference: give it a function "
            "(data, settings) -> Reference"
        )
    return problem.reference(data, settings)


def to_dataset(reference: Reference) -> xr.Dataset:
    """`draw.<site>` (draw, ...), `mean.<site>`, `sd.<site>`, and marginal densities on grids."""
    variables: dict[str, Any] = {}
    for site, draws in reference.draws.items():
        dims = [f"{site}_{axis}" for axis in range(np.ndim(draws) - 1)]
        variables[f"draw.{site}"] = (["draw", *dims], np.asarray(draws, np.float32))
        variables[f"mean.{site}"] = (dims, np.asarray(reference.mean[site], float))
        variables[f"sd.{site}"] = (dims, np.asarray(reference.sd[site], float))
    for site, (grid, density) in reference.density.items():
        variables[f"grid.{site}"] = ([f"{site}_grid"], np.asarray(grid, float))
        variables[f"density.{site}"] = ([f"{site}_grid"], np.asarray(density, float))
    attrs = {"log_evidence": float(reference.log_evidence), "method": reference.method}
    return xr.Dataset(variables, attrs=attrs)
