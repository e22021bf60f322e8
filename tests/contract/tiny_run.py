"""A tiny run of the shipped experiments, in process: real results of every kind.

Compiling the fits would take minutes, so those of each model and guide were made once and are kept in
`tiny_fits.npz`; all that follows from them is made anew. After a change of what a fit stores:

    PYTHONPATH=workflow:tests python tests/contract/tiny_run.py
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import yaml

from support import ROOT
from svi_atlas.jobs import job
from svi_atlas.planning.job_spec import canonical_json, input_files
from svi_atlas.planning.run import CONFIG, load
from svi_atlas.results import store

OVERRIDE = {"num_steps": 100, "seeds": 2, "num_draws": 100}

VARIANTS = {"two seeds": 2, "one seed": 1, "all failed": 2}
"""Runs that tests draw: their numbers of seeds."""

MANY_MODELS = ("arrival", "verdict_study", "verdict_holdout")

FITS_FILE = Path(__file__).with_name("tiny_fits.npz")

STAGES = (
    "data",
    "reference",
    "fit",
    "diagnose",
    "table",
    "sbc_refit",
    "sbc",
    "compare",
    "analyse",
)
"""Stages that are run, each after those whose results it reads."""

Specs = dict[str, dict[str, Any]]


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    """The shipped experiments as their files have them, the default ones first.

    Those with very many models are left out, which take minutes even at a tiny size.
    """
    names = yaml.safe_load((ROOT / CONFIG).read_text())["experiments"]
    files = {
        name: yaml.safe_load((ROOT / f"config/experiments/{name}.yaml").read_text())
        for name in names
    }
    return {
        name: files[name]
        for name in sorted(names, key=lambda name: files[name].get("heavy", False))
        if files[name]["problem"] not in MANY_MODELS
    }


def figures_of(experiment: str) -> list[str]:
    """The figures that an experiment shows."""
    raw = _shipped()[experiment]
    return list(dict.fromkeys([*raw.get("figures", []), *(["sbc"] if "sbc" in raw else [])]))


def notebooks_of(experiment: str) -> list[str]:
    """The notebooks of an experiment."""
    return _shipped()[experiment].get("notebooks", ["experiment"])


def experiments_shown() -> list[str]:
    """Shipped experiments that together show every figure of any."""
    needed: list[str] = []
    shown: set[str] = set()
    for name in _shipped():
        if set(figures_of(name)) - shown:
            needed.append(name)
            shown |= set(figures_of(name))
    return needed


def plan(folder: Path, experiments: list[str], num_seeds: int = OVERRIDE["seeds"]) -> Specs:
    """The specs of all jobs of the experiments at a tiny size, written to the folder."""
    config = {"experiments": experiments, "results": str(folder), "allow_cpu": True}
    run = load(config | {"override": OVERRIDE | {"seeds": num_seeds}}, ROOT)
    run.write_specs()
    return {path: _reduced(path, json.loads(text)) for path, text in run.specs.items()}


def of_experiment(specs: Specs, experiment: str) -> Specs:
    """The specs of one experiment's jobs, sorted by path."""
    return {
        path: specs[path] for path in sorted(specs) if specs[path].get("experiment") == experiment
    }


def run_jobs(specs: Specs, fits: Mapping[str, xr.Dataset]) -> None:
    """Run an experiment up to its analyses, with stored fits (see `read_fits`, `failed_fits`)."""
    for path in _in_order(specs, STAGES):
        if all(Path(output).exists() for output in specs[path]["outputs"].values()):
            continue
        try:
            if specs[path]["stage"] == "fit":
                _write_fits(path, specs[path], fits)
            else:
                job.run(Path(path))
        except Exception as error:
            error.add_note(f"in the job of {path}")
            raise


def _reduced(path: str, spec: dict[str, Any]) -> dict[str, Any]:
    """The spec with fewer mock data and simulations, for which the configuration has no override."""
    if spec["stage"] == "fit":
        spec["cell"]["num_mock"] = min(spec["cell"]["num_mock"], OVERRIDE["num_draws"])
    if spec["stage"] == "sbc_refit":
        spec["sbc"]["simulations"] = 20
    Path(path).write_text(canonical_json(spec))
    return spec


def _in_order(specs: Specs, stages: tuple[str, ...]) -> Iterator[str]:
    """Jobs of some stages, each when all its inputs exist."""
    pending = [path for stage in stages for path in specs if specs[path]["stage"] == stage]
    while pending:
        ready = [path for path in pending if all(Path(file).exists() for file in input_files(path))]
        assert ready, f"{pending[0]} reads what no job makes"
        yield from ready
        pending = [path for path in pending if path not in ready]


def _key(spec: Mapping[str, Any]) -> str:
    """Cells with the same key take the same fits, under their own settings."""
    cell = spec["cell"]
    mock = "mock" if cell["num_mock"] else ""
    return "/".join(
        [spec["problem"], cell["model"], cell["guide"], cell["optimizer"]["name"], mock]
    )


def _write_fits(path: str, spec: Mapping[str, Any], stored: Mapping[str, xr.Dataset]) -> None:
    cell, target = spec["cell"], Path(spec["outputs"]["dataset"])
    fits = stored[_key(spec)]
    places = {
        "seed": [index % fits.sizes["seed"] for index in range(len(cell["seeds"]))],
        "setting": [index % fits.sizes["setting"] for index in range(len(cell["step_sizes"]))],
    }
    coords = {"seed": cell["seeds"], "step_size": ("setting", cell["step_sizes"])}
    fits = fits.isel(places).assign_coords(coords)
    names = ("experiment", "block", "label", "num_particles")
    target.parent.mkdir(parents=True, exist_ok=True)
    store.write_dataset(
        fits.assign_attrs({name: cell[name] for name in names}), target, Path(path).read_text()
    )


def read_fits() -> dict[str, xr.Dataset]:
    """The stored fits by key."""
    with np.load(FITS_FILE) as file:
        index = json.loads(str(file["index"]))
        return {
            key: xr.Dataset(
                {
                    name: (dims, file[f"{key}:{name}"], attrs)
                    for name, dims, attrs in entry["variables"]
                },
                {name: (dims, file[f"{key}:{name}"]) for name, dims in entry["coords"]},
                entry["attrs"],
            )
            for key, entry in index.items()
        }


def failed_fits(fits: Mapping[str, xr.Dataset]) -> dict[str, xr.Dataset]:
    """What the same cells hold if every fit failed: a message."""
    return {
        key: cell.drop_vars([*cell.data_vars, "iterate"], errors="ignore").assign_attrs(
            message="ValueError: made to fail"
        )
        for key, cell in fits.items()
    }


def fit_anew() -> None:
    """Fit each model and guide once and store the fits."""
    index, arrays = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        specs = plan(Path(folder), experiments_shown())
        for path in _in_order(specs, ("data", "fit")):
            key = _key(specs[path]) if specs[path]["stage"] == "fit" else ""
            if key in index:
                continue
            job.run(Path(path))
            if key:
                fits = store.read_dataset(specs[path]["outputs"]["dataset"]).load()
                index[key], values = _described(_thinned(fits))
                arrays |= {f"{key}:{name}": value for name, value in values.items()}
    np.savez_compressed(FITS_FILE, index=json.dumps(index), **arrays)


def _thinned(fits: xr.Dataset) -> xr.Dataset:
    """Every second setting, and of the weights of a flow's networks the first along each axis."""
    fits = fits.isel(setting=slice(None, None, 2))
    weights = {
        dim: slice(1) for name, values in fits.items() if "$params" in name for dim in values.dims
    }
    shared = ("iterate", "seed", "setting", "snapshot")
    return fits.isel({dim: first for dim, first in weights.items() if dim not in shared})


def _described(fits: xr.Dataset) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    attrs = {name: value for name, value in fits.attrs.items() if np.isscalar(value)}
    entry = {
        "attrs": {n: v.item() if isinstance(v, np.generic) else v for n, v in attrs.items()},
        "variables": [
            (
                name,
                values.dims,
                {n: v if isinstance(v, str) else int(v) for n, v in values.attrs.items()},
            )
            for name, values in fits.data_vars.items()
        ],
        "coords": [(name, values.dims) for name, values in fits.coords.items()],
    }
    arrays = {str(name): fits[name].to_numpy() for name in fits.variables}
    return entry, {
        name: values.astype(str) if values.dtype == object else values
        for name, values in arrays.items()
    }


if __name__ == "__main__":
    fit_anew()
