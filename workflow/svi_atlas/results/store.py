"""The only reader and writer of results: netCDF datasets, Parquet tables, and how they get in place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.errors import StaleSpecError
from svi_atlas.results.paths import Layout

FORMAT_VERSION = 1


@contextmanager
def atomic_outputs(
    outputs: dict[str, Path], spec_file: Path, spec_text: str
) -> Iterator[dict[str, Path]]:
    """Temporary paths to write to; on success they are renamed into place, all or none.

    Raises StaleSpecError if the spec file no longer says `spec_text`, so that a job that outlived
    its run cannot overwrite newer results.
    """
    temporary = {
        name: path.with_name(f".{os.getpid()}.{path.name}") for name, path in outputs.items()
    }
    for path in temporary.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if spec_file.read_text() != spec_text:
            raise StaleSpecError(f"{spec_file} changed while the job ran; its result is dropped")
        for path in temporary.values():
            path.stat()
        for name, path in outputs.items():
            os.replace(temporary[name], path)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def write_dataset(dataset: xr.Dataset, path: Path, spec_text: str) -> None:
    """Write a dataset as netCDF together with the spec it was made from."""
    stamped = dataset.assign_attrs(spec=spec_text, format_version=FORMAT_VERSION)
    stamped.to_netcdf(path, engine="h5netcdf")


def write_datasets(datasets: dict[str, xr.Dataset], path: Path, spec_text: str) -> None:
    """Write datasets as groups of one netCDF file."""
    root = xr.Dataset(attrs={"spec": spec_text, "format_version": FORMAT_VERSION})
    tree = xr.DataTree.from_dict({"/": root, **datasets})
    tree.to_netcdf(path, engine="h5netcdf")


def read_dataset(path: str | Path, group: str | None = None) -> xr.Dataset:
    """Open a dataset, or one group of a file; arrays are read when used."""
    return xr.open_dataset(path, engine="h5netcdf", group=group)


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The variables of a dataset as arrays by name."""
    with read_dataset(path) as dataset:
        return {str(name): values.to_numpy() for name, values in dataset.data_vars.items()}


def write_table(table: pd.DataFrame, path: Path, spec_text: str) -> None:
    """Write a tidy table as Parquet (or CSV, by suffix) together with the spec it was made from."""
    if path.suffix == ".csv":
        table.to_csv(path, index=False, float_format="%.9g")
        return
    stamped = table.copy()
    stamped.attrs = {"spec": spec_text, "format_version": FORMAT_VERSION}
    stamped.to_parquet(path, index=False)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a Parquet or CSV table."""
    path = Path(path)
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@dataclass(frozen=True)
class Results:
    """Read access to the results of one experiment, for figures and notebooks."""

    root: str
    experiment: str

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def data(self) -> xr.Dataset:
        """The data the models were fitted to."""
        return read_dataset(self.layout.data(self.experiment))

    def reference(self, model: str | None = None) -> xr.Dataset:
        """The posterior to compare with, of a model (the first of the table if not named)."""
        group = model or self.table()["model"].iloc[0]
        return read_dataset(self.layout.reference(self.experiment), group)

    def table(self) -> pd.DataFrame:
        """One row a fit, with its verdict (`fits.parquet`)."""
        return read_table(self.layout.table(self.experiment))

    def costs(self) -> pd.DataFrame:
        """One row a job that has run: `stage`, `seconds`, `cpu_seconds`, `peak_mb`."""
        folder = Path(self.root) / self.experiment / "costs"
        rows = [
            {
                "stage": file.relative_to(folder).with_suffix("").parts[0],
                **json.loads(file.read_text()),
            }
            for file in sorted(folder.rglob("*.json"))
        ]
        return pd.DataFrame(rows, columns=["stage", "seconds", "cpu_seconds", "peak_mb"])

    def verification(self) -> pd.DataFrame:
        """Comparison with published and exact values, one row a value."""
        return read_table(self.layout.verification(self.experiment))

    def rates(self) -> pd.DataFrame:
        """How often the verdict and other rules are wrong, of an experiment that studies it."""
        return read_table(self.layout.rates(self.experiment))

    def calibration(self) -> pd.DataFrame:
        """Tests of calibration, one row an entry and parameter."""
        return read_table(self.layout.calibration(self.experiment))

    def refits(self, name: str) -> pd.DataFrame:
        """One row a simulation and parameter of an entry of `calibration`."""
        return read_table(self.layout.refits(self.experiment, name))

    def fit(self, model: str, guide: str, label: str) -> xr.Dataset:
        """Losses, snapshots, parameters and draws of one cell; losses kept as means stand repeated."""
        fits = read_dataset(self.layout.fit_of(self.experiment, model, guide, label))
        stride = int(fits["loss"].attrs.get("stride", 1)) if "loss" in fits else 1
        if stride == 1:
            return fits
        return fits.isel(step=np.repeat(np.arange(fits.sizes["step"]), stride))

    def figure(self, name: str, suffix: str = "svg") -> Path:
        """Path of a figure made by the run."""
        return Path(self.layout.figure(suffix, self.experiment, name))
