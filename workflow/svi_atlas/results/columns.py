"""What every column of a table and every variable of a dataset is: name, unit, meaning, source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache

from svi_atlas.results.column_tables import TABLES, Column

__all__ = [
    "TABLES",
    "TABLE_OF_STAGE",
    "Column",
    "columns_page",
    "describe",
    "describe_all",
    "expand",
]

FILES = {
    "fits": ("fits.parquet, fits.csv, diagnostics/**.parquet", "one row per fit"),
    "cell": ("fits/<model>/<guide>/<label>.nc", "all fits of a cell"),
    "data": ("data.nc", "the data of the experiment"),
    "reference": ("reference.nc", "the posterior to compare with, one group per model"),
    "verification": ("verification.csv", "one row per expected value"),
    "rates": (
        "rates.csv",
        "one row per rule, grade, size and iterate, of an experiment with `study`",
    ),
    "truth": ("truth/<model>/<guide>/<label>.parquet", "one row per fit and iterate"),
    "known": (
        "truth.parquet, study.parquet",
        "one row per fit and iterate, of the experiment and of all experiments of its study",
    ),
    "sbc": ("sbc.csv", "one row per entry of `sbc` and parameter"),
    "nuts": ("nuts/<model>.parquet", "one row per seed and budget of NUTS"),
    "refits": ("sbc/<name>.parquet", "one row per simulated data set and parameter"),
}
"""Where each table is written, and what its rows are."""

TABLE_OF_STAGE = {
    "data": "data",
    "reference": "reference",
    "fit": "cell",
    "search": "cell",
    "diagnose": "fits",
    "table": "fits",
    "truth": "truth",
    "rates": "known",
    "sbc_refit": "refits",
    "nuts": "nuts",
}
"""The table whose columns a stage writes into its netCDF or Parquet files (CSV has no metadata)."""

INTRODUCTION = """\
# Columns and variables

Generated from `workflow/svi_atlas/results/column_tables.py` by `make docs`; do not edit.

The unit "1" marks a number without a unit, "own" the unit that the quantity has in the model. A column
marked with ± has its Monte Carlo standard error in `<column>_se`. A column marked with ⌀ is
about the averaged iterate; it has its value at the last iterate in `<column>_last`, and the standard error of
that in `<column>_se_last`.
Optional columns may be absent.

The files carry their descriptions. A variable of a netCDF file has the attributes `units` (none for a
text) and `long_name`; a column of a Parquet file has `unit` and `meaning` in the metadata of its field:
`pyarrow.parquet.read_schema("fits.parquet").field("kl").metadata`.
"""


def describe(name: str, table: str) -> Column:
    """What a column is.

    Parameters
    ----------
    name
        Its name in the table, such as "kl_se_last" or "param.loc[0]".
    table
        A key of TABLES.

    Returns
    -------
    Column
        With this very name; the meaning says so where it is a standard error or of the last
        iterate.

    Raises
    ------
    KeyError
        If the table has no such column.
    """
    if column := _by_name(table).get(name):
        return column
    for column in TABLES[table]:
        if "<" in column.name and _pattern(column.name).fullmatch(name):
            return replace(column, name=name)
    raise KeyError(f"table {table!r} has no column {name!r}")


def describe_all(names: Iterable[str], stage: str) -> dict[str, Column]:
    """What the columns are that a stage writes, by name; those not in the dictionary are left out."""
    described: dict[str, Column] = {}
    if table := TABLE_OF_STAGE.get(stage):
        for name in names:
            with suppress(KeyError):
                described[name] = describe(name, table)
    return described


@cache
def _by_name(table: str) -> dict[str, Column]:
    return {column.name: column for column in expand(table)}


def expand(table: str) -> Iterator[Column]:
    """The columns of a table, each followed by its standard error and its values at the last iterate."""
    for column in TABLES[table]:
        variants = [column]
        if column.has_error:
            variants.append(_standard_error(column))
        if column.per_iterate:
            variants += [_at_last_iterate(variant) for variant in variants]
        for variant in variants:
            yield replace(variant, has_error=False, per_iterate=False)


def columns_page() -> str:
    """The page docs/columns.md, in Markdown."""
    parts = [INTRODUCTION]
    for table, columns in TABLES.items():
        files, rows = FILES[table]
        lines = [f"## `{files}`\n", f"{rows[0].upper()}{rows[1:]}.\n"]
        lines += ["| column | unit | meaning | source | stage |", "|---|---|---|---|---|"]
        lines += [_row(column) for column in columns]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _row(column: Column) -> str:
    marks = (" ±" if column.has_error else "") + (" ⌀" if column.per_iterate else "")
    meaning = column.meaning + (" (optional)" if column.optional else "")
    texts = (column.unit, meaning, column.source, column.stage)
    escaped = [text.replace("<", "&lt;") for text in texts]
    return "| " + " | ".join([f"`{column.name}`{marks}", *escaped]) + " |"


def _standard_error(column: Column) -> Column:
    meaning = f"Monte Carlo standard error of {column.name}"
    return replace(column, name=f"{column.name}_se", meaning=meaning)


def _at_last_iterate(column: Column) -> Column:
    meaning = f"{column.meaning}, at the last iterate"
    return replace(column, name=f"{column.name}_last", meaning=meaning)


def _pattern(name: str) -> re.Pattern[str]:
    """A regular expression in which `<...>` is any text."""
    return re.compile(".+".join(map(re.escape, re.split(r"<[^>]*>", name))))
