"""References: the posterior to compare fits with, exact, by quadrature, or by long NUTS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.inference.keys import purpose_key
from svi_atlas.records import Problem, Reference
from svi_atlas.references.nuts import by_nuts
from svi_atlas.references.posterior import Posterior
from svi_atlas.references.quadrature import by_quadrature


def make_references(
    problem: Problem,
    data: dict[str, Any],
    settings: dict[str, Any],
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Reference]:
    """The reference of each model: the problem's own, else quadrature, else long NUTS.

    report: receives progress lines. Raises InputError for a model whose posterior cannot be
    computed, such as one with discrete latent sites, and has no reference of its own.
    """
    made: dict[int, Reference] = {}
    references = {}
    for model in problem.models:
        make = problem.reference
        if isinstance(make, Mapping):
            make = make.get(model)
        if make is None:
            references[model] = _computed(problem, model, data, report)
        else:
            if id(make) not in made:
                made[id(make)] = make(data, settings)
            references[model] = made[id(make)]
        found = references[model]
        report(f"{model}: {found.method}, log evidence {found.log_evidence:.6f}")
    return references


def _computed(
    problem: Problem, model: str, data: dict[str, Any], report: Callable[[str], None]
) -> Reference:
    where = f"problem {problem.name!r}, model {model!r}"
    key = purpose_key(0, "reference", model)
    posterior = Posterior.of(problem.models[model], data, where)
    report(f"{model}: no exact reference is given; {posterior.dim} dimensions")
    found = by_quadrature(posterior, key, report)
    if isinstance(found, Reference):
        return found
    report(f"{model}: no quadrature: {found}")
    return by_nuts(posterior, key, report)


def to_dataset(reference: Reference) -> xr.Dataset:
    """`draw.<site>` (draw, ...), `mean.<site>`, `sd.<site>`, and marginal densities on grids.

    Where they have Monte Carlo errors, `mean_se.<site>` and `sd_se.<site>` too. The attribute
    `unreliable` says why nothing may be judged against it ("" if it can be trusted).
    """
    variables: dict[str, Any] = {}
    for site, draws in reference.draws.items():
        dims = [f"{site}_{axis}" for axis in range(np.ndim(draws) - 1)]
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
            dims = [f"{site}_{axis}" for axis in range(centres.ndim - 1)]
            variables[f"mode_centre.{site}"] = (["mode", *dims], centres)
    attrs = {
        "log_evidence": float(reference.log_evidence),
        "method": reference.method,
        "unreliable": reference.unreliable,
    }
    return xr.Dataset(variables, attrs=attrs)
