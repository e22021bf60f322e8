"""The only reader and writer of results: netCDF datasets, Parquet and CSV tables."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from svi_atlas.errors import InputError, InputProblem, StaleSpecError

if TYPE_CHECKING:
    from svi_atlas.results.columns import Column

FORMAT_VERSION = 2
"""Version of the files' format, written into every dataset and table, and checked on reading."""


@contextmanager
def atomic_outputs(
    outputs: Mapping[str, Path], spec_file: Path, spec_text: str
) -> Iterator[dict[str, Path]]:
    """Temporary paths to write to; on success they are renamed into place, all or none.

    Raises
    ------
    StaleSpecError
        If the spec file no longer holds `spec_text`, so that a job that outlived its run cannot
        overwrite newer results.
    """
    temporary = {
        name: path.with_name(f".{os.getpid()}.{path.name}") for name, path in outputs.items()
    }
    for path in temporary.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        if spec_file.read_text() != spec_text:
            raise StaleSpecError(f"{spec_file} changed while the job ran; its result is discarded")
        for path in temporary.values():
            path.stat()
        for name, path in outputs.items():
            os.replace(temporary[name], path)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def write_dataset(dataset: xr.Dataset, path: Path, spec_text: str) -> None:
    """Write a dataset as netCDF together with the spec it was made from.

    Variables that the data dictionary knows get the attributes `units` and `long_name`.
    """
    described = _with_units(dataset, spec_text)
    stamped = described.assign_attrs(spec=spec_text, format_version=FORMAT_VERSION)
    stamped.to_netcdf(path, engine="h5netcdf")


def write_datasets(datasets: Mapping[str, xr.Dataset], path: Path, spec_text: str) -> None:
    """Write datasets as groups of one netCDF file, their variables described as by `write_dataset`."""
    stamp = {"groups": list(datasets), "spec": spec_text, "format_version": FORMAT_VERSION}
    root = xr.Dataset(attrs=stamp)
    described = {name: _with_units(dataset, spec_text) for name, dataset in datasets.items()}
    tree = xr.DataTree.from_dict({"/": root, **described})
    tree.to_netcdf(path, engine="h5netcdf")


def _with_units(dataset: xr.Dataset, spec_text: str) -> xr.Dataset:
    """A shallow copy whose variables are described; attributes that they have are kept."""
    dataset = dataset.copy()
    for name, column in _described(dataset.variables, spec_text).items():
        attributes = {"long_name": column.meaning}
        if column.unit:
            attributes["units"] = column.unit
        dataset[name].attrs = {**attributes, **dataset[name].attrs}
    return dataset


def _described(names: Iterable[Any], spec_text: str) -> dict[str, Column]:
    """Entries of the data dictionary for what the stage of a spec writes, by name.

    The dictionary is imported by its name because it is documentation: like a docstring it is not part
    of the code that a job depends on, so that a new statistic, or a better wording, repeats no fit.
    """
    columns = importlib.import_module("svi_atlas.results.columns")
    stage = json.loads(spec_text).get("stage", "") if spec_text else ""
    described: dict[str, Column] = columns.describe_all(map(str, names), stage)
    return described


def read_dataset(path: str | Path, group: str | None = None) -> xr.Dataset:
    """Open a dataset, or one group of a file; arrays are read when they are used."""
    dataset = xr.open_dataset(path, engine="h5netcdf", group=group)
    if group is None:
        _check_version(dataset.attrs, path)
    return dataset


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The variables of a dataset as arrays by name."""
    with read_dataset(path) as dataset:
        return {str(name): values.to_numpy() for name, values in dataset.data_vars.items()}


def write_table(table: pd.DataFrame, path: Path, spec_text: str) -> None:
    """Write a tidy table as Parquet (or CSV, by suffix) together with the spec it was made from.

    In a Parquet file the table's own `attrs` (such as labels of its columns) are kept, and columns
    that the data dictionary knows have `unit` and `meaning` in the metadata of their fields.
    """
    if path.suffix == ".csv":
        table.to_csv(path, index=False, float_format="%.9g")
        return
    stamped = table.copy()
    stamped.attrs = {**table.attrs, "spec": spec_text, "format_version": FORMAT_VERSION}
    stamped.to_parquet(path, index=False, schema=_schema_with_units(stamped, spec_text))


def _schema_with_units(table: pd.DataFrame, spec_text: str) -> pa.Schema:
    schema = pa.Schema.from_pandas(table, preserve_index=False)
    described = {
        name: {"unit": column.unit, "meaning": column.meaning}
        for name, column in _described(table, spec_text).items()
    }
    fields = [field.with_metadata(described.get(field.name)) for field in schema]
    return pa.schema(fields, schema.metadata)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a Parquet or CSV table."""
    path = Path(path)
    if path.suffix == ".csv":
        return pd.read_csv(path)
    table = pd.read_parquet(path)
    _check_version(table.attrs, path)
    return table


def spec_of(made: pd.DataFrame | xr.Dataset) -> dict[str, Any]:
    """The spec of the job that wrote a table or a dataset."""
    spec: dict[str, Any] = json.loads(made.attrs["spec"])
    return spec


def read_table_spec(path: str | Path) -> dict[str, Any]:
    """The spec of the job that wrote a Parquet table, without reading its columns."""
    attrs = json.loads(pq.read_schema(path).metadata[b"PANDAS_ATTRS"])
    _check_version(attrs, path)
    spec: dict[str, Any] = json.loads(attrs["spec"])
    return spec


def _check_version(attrs: Mapping[Any, Any], path: str | Path) -> None:
    version = attrs.get("format_version", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        text = (
            f"{path}: it has format version {version}, this version of SVI Atlas reads "
            f"{FORMAT_VERSION}; remove the file and run snakemake again"
        )
        raise InputError(InputProblem("format_version", str(path), "", text))
