"""What every column of a table and every variable of a dataset is: name, unit, meaning, source.

`python -m svi_atlas.results.columns` prints the page docs/columns.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from svi_atlas.results.column_tables import TABLES, Column

__all__ = ["TABLES", "Column", "columns_page", "describe", "expand"]

FILES = {
    "fits": ("fits.parquet, fits.csv, diagnostics/**.parquet", "one row per fit"),
    "cell": ("fits/<model>/<guide>/<label>.nc", "all fits of a cell"),
    "data": ("data.nc", "the data of the experiment"),
    "reference": ("reference.nc", "the posterior to compare with, one group per model"),
    "verification": ("verification.csv", "one row per expected value"),
    "rates": ("rates.csv", "one row per rule and split, of an experiment that studies the verdict"),
    "truth": ("truth.parquet", "one row per fit, of an experiment that studies the verdict"),
    "sbc": ("sbc.csv", "one row per entry of `sbc` and parameter"),
    "refits": ("sbc/<name>.parquet", "one row per simulated data set and parameter"),
}
"""Where each table is written, and what its rows are."""

INTRODUCTION = """\
# Columns and variables

Generated from `workflow/svi_atlas/results/column_tables.py` by
`python -m svi_atlas.results.columns > docs/columns.md`.

The unit "1" is a number without a unit, "own" that of the quantity in the model. A column marked with ±
has its Monte Carlo standard error in `<column>_se`. A column marked with ⌀ has its value at the averaged
iterate in `<column>_averaged`, and the standard error of that in `<column>_se_averaged`. Optional columns
may be absent.
"""


def describe(name: str, table: str) -> Column:
    """What a column is.

    Parameters
    ----------
    name
        Its name in the table, such as "kl_se_averaged" or "param.loc[0]".
    table
        A key of TABLES.

    Returns
    -------
    Column
        With this very name; the meaning says so where it is a standard error or of the averaged
        iterate.

    Raises
    ------
    KeyError
        If the table has no such column.
    """
    for column in expand(table):
        if column.name == name:
            return column
    for column in TABLES[table]:
        if "<" in column.name and _pattern(column.name).fullmatch(name):
            return replace(column, name=name)
    raise KeyError(f"table {table!r} has no column {name!r}")


def expand(table: str) -> Iterator[Column]:
    """The columns of a table, each followed by its standard error and its values of the average."""
    for column in TABLES[table]:
        variants = [column]
        if column.has_error:
            variants.append(_standard_error(column))
        if column.per_iterate:
            variants += [_at_averaged_iterate(variant) for variant in variants]
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


def _at_averaged_iterate(column: Column) -> Column:
    meaning = f"{column.meaning}, at the averaged iterate"
    return replace(column, name=f"{column.name}_averaged", meaning=meaning)


def _pattern(name: str) -> re.Pattern[str]:
    """A regular expression in which `<...>` is any text."""
    return re.compile(".+".join(map(re.escape, re.split(r"<[^>]*>", name))))


if __name__ == "__main__":
    print(columns_page(), end="")
