"""References: the posterior to compare fits with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.problems.base import Problem, Reference


def make_references(
    problem: Problem, data: dict[str, Any], settings: dict[str, Any]
) -> dict[str, Reference]:
    """The reference of each model. Raises InputError if the problem has none for a model."""
    made: dict[int, Reference] = {}
    references = {}
    for model in problem.models:
        make = problem.reference
        if isinstance(make, Mapping):
            make = make.get(model)
        if make is None:
            raise InputError(
                f"problem {problem.name!r} has no reference for its model {model!r}: give it a "
                "function (data, settings) -> Reference"
            )
        if id(make) not in made:
            made[id(make)] = make(data, settings)
        references[model] = made[id(make)]
    return references


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
    if reference.modes:
        variables["mode_mass"] = ("mode", [mode.mass for mode in reference.modes])
        for site in reference.modes[0].centre:
            centres = np.array([mode.centre[site] for mode in reference.modes], float)
            dims = [f"{site}_{axis}" for axis in range(centres.ndim - 1)]
            variables[f"mode_centre.{site}"] = (["mode", *dims], centres)
    attrs = {"log_evidence": float(reference.log_evidence), "method": reference.method}
    return xr.Dataset(variables, attrs=attrs)
