"""Fits for other programs: draws as ArviZ reads them, and parameters for plain NumPyro.

Of every model the fit that its page shows is exported (`analysis._shown_fits`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._shown_fits import fit_of, shown_fits
from svi_atlas.errors import InputError
from svi_atlas.guide_traits import guide_traits
from svi_atlas.results.paths import Layout
from svi_atlas.results.store import read_dataset, read_table

CHAIN = "chain"


class Exported(NamedTuple):
    """The files of a model's fit, and how to use the second: "" if NumPyro cannot take it by name."""

    draws: Path
    params: Path
    how_to_load: str


def export(experiment: str, folder: Path, results: str = "results") -> Iterator[Exported]:
    """Write the fit of every model of an experiment.

    Parameters
    ----------
    experiment
        Its name.
    folder
        Where the files go: `<model>.nc`, a file of groups `posterior`, `sample_stats` (log densities in nats) and
        `reference`, which `arviz.from_netcdf` reads, and `<model>.npz`, the parameters by name.
    results
        The folder of the run.

    Raises
    ------
    InputError
        If the experiment has no results.
    """
    layout = Layout(results)
    file = Path(layout.path("table", experiment=experiment))
    if not file.is_file():
        raise InputError(f"export: there is no {file}; run the experiment {experiment!r} first")
    folder.mkdir(parents=True, exist_ok=True)
    reference = layout.path("reference", experiment=experiment)
    for model, row in shown_fits(read_table(file)):
        cell = {"model": model, "guide": row["guide"], "label": row["label"]}
        fits = read_dataset(layout.path("fit", experiment=experiment, **cell))
        one = fit_of(fits, row)
        draws, params = folder / f"{model}.nc", folder / f"{model}.npz"
        known = read_dataset(reference, model)
        groups = {**_groups(one, row), "reference": _with_chain(_prefixed(known, "draw."))}
        xr.DataTree.from_dict(groups).to_netcdf(draws, engine="h5netcdf")
        values = {str(name): array.to_numpy() for name, array in _prefixed(one, "param.").items()}
        np.savez(params, **values)  # type: ignore[arg-type]  # plain arrays: nothing is pickled
        yield Exported(draws, params, _how_to_load(fits, row, params, values))


def _groups(one: xr.Dataset, row: pd.Series) -> dict[str, xr.Dataset]:
    names = ["log_joint", "log_guide"]
    attrs = {
        name: str(row[name])
        for name in (
            "model",
            "guide",
            "num_particles",
            "schedule",
            "step_size",
            "seed",
            "num_steps",
        )
    }
    attrs |= {"verdict": row["verdict"], "reason": row["reason"], "created_by": "svi-atlas"}
    return {
        "posterior": _with_chain(_prefixed(one, "site.")).assign_attrs(attrs),
        "sample_stats": _with_chain(
            xr.Dataset({name: ("draw", one[name].to_numpy()) for name in names})
        ),
    }


def _prefixed(dataset: xr.Dataset, prefix: str) -> xr.Dataset:
    """The variables with a prefix, without it; the name of a scoped site has a point for its slash."""
    names = [name for name in map(str, dataset.data_vars) if name.startswith(prefix)]
    short = {name: name.removeprefix(prefix) for name in names}
    return xr.Dataset(
        {
            short[name].replace("/", "."): (
                [str(dim).replace("/", ".") for dim in dataset[name].dims],
                dataset[name].to_numpy(),
            )
            for name in names
        }
    )


def _with_chain(dataset: xr.Dataset) -> xr.Dataset:
    """With a chain for ArviZ; draws of a guide are independent, so that one will do."""
    if "draw" not in dataset.dims:
        return dataset
    return dataset.expand_dims(CHAIN).assign_coords(
        chain=[0], draw=np.arange(dataset.sizes["draw"])
    )


def _how_to_load(
    fits: xr.Dataset, row: pd.Series, file: Path, values: dict[str, np.ndarray]
) -> str:
    """Three lines of Python that draw from the guide, or "" if its parameters are more than arrays by name."""
    if any("$" in name for name in values):
        return ""
    autoguide = json.loads(fits.attrs["spec"]).get("autoguide") or {}
    guide, options = autoguide.get("class", str(row["guide"])), autoguide.get("options", {})
    if fits.attrs.get("whitened") or guide_traits(str(row["guide"]), autoguide).point:
        # A Normal in whitened coordinates is a full-rank Normal in those of the model.
        if "auto_scale_tril" not in values:
            return ""
        guide, options = "AutoMultivariateNormal", {}
    arguments = ", ".join(["model", *(f"{name}={value!r}" for name, value in options.items())])
    made = f"{guide}({arguments})" if guide.startswith("Auto") else guide
    return (
        f'params = dict(np.load("{file}"))\n'
        f"predictive = Predictive({made}, params=params, num_samples=1000)\n"
        "draws = predictive(jax.random.PRNGKey(0), *arguments)  # those that the model takes"
    )
