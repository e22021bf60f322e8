"""What analyses, figures and pages read: results by name, opened from the files their job was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.results.paths import Paths, cell_of
from svi_atlas.results.store import read_dataset, read_table, read_table_spec


class References(Mapping[str, xr.Dataset]):
    """The reference posterior of each model, opened when it is asked for."""

    def __init__(self, path: str):
        self._path = path
        self._models = list(np.atleast_1d(read_dataset(path).attrs["groups"]))

    def __getitem__(self, model: str) -> xr.Dataset:
        return read_dataset(self._path, model)

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)


class Fits(Mapping[tuple[str, str, str], xr.Dataset]):
    """The fits of cells by (model, guide, label), opened when they are asked for.

    Losses that were stored as means over blocks of steps are repeated, so that the dimension `step`
    counts optimisation steps. Where all fits have the same schedule the dimension `setting` is
    `step_size`, so that fits can be selected by it.
    """

    def __init__(self, paths: Mapping[str, str]):
        self._paths = {cell_of(key): path for key, path in paths.items()}

    def __getitem__(self, cell: tuple[str, str, str]) -> xr.Dataset:
        fits = read_dataset(self._paths[cell])
        if "setting" in fits.sizes and len(np.unique(fits["schedule"])) == 1:
            fits = fits.swap_dims(setting="step_size")
        stride = int(fits["loss"].attrs.get("stride", 1)) if "loss" in fits else 1
        if stride == 1:
            return fits
        return fits.isel(step=np.repeat(np.arange(fits.sizes["step"]), stride))

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def with_label(self, label: str) -> xr.Dataset | None:
        """The first cell with this label, such as a single fit; None if there is none."""
        cells = [cell for cell in self if cell[2] == label]
        return self[cells[0]] if cells else None


def with_schedule(fits: xr.Dataset, schedule: str) -> xr.Dataset:
    """The fits of a cell that have a schedule, with the dimension `step_size`."""
    if "setting" not in fits.dims:
        return fits
    return fits.isel(setting=fits["schedule"].to_numpy() == schedule).swap_dims(setting="step_size")


def load(name: str, paths: Mapping[str, Paths]) -> Any:
    """The input `name` of an analysis, a figure or a section of a page.

    Parameters
    ----------
    name
        `table`, `rates`, `pooled`, `verification`, `sbc` or the name of an analysis: a DataFrame;
        `data`: a Dataset; `reference`: References by model; `fits`, `searches`: Fits by cell; `sbc_ranks`:
        DataFrames by entry; `nuts`: DataFrames by model; `thresholds`: those that the table was judged with, by statistic.
    paths
        The job's files by input.
    """
    if name == "thresholds":
        return read_table_spec(paths["table"])["thresholds"]
    files = paths[name]
    if name == "data":
        return read_dataset(files)
    if name == "reference":
        return References(files)
    if name in ("fits", "searches"):
        return Fits(files)
    if isinstance(files, Mapping):
        return {key: read_table(path) for key, path in files.items()}
    return read_table(Path(files))
