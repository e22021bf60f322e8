"""Comparison of a run with published and exact values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.errors import InputError
from svi_atlas.results.store import read_table

FAILED = "all fits with these settings failed"
NOT_RUN = "not run: no fit of this run has these settings"

COLUMNS = ["name", "kind", "expected", "tolerance", "value", "ok", "source", "why"]


def compare(
    tables: Mapping[str, pd.DataFrame], expected: list[dict[str, Any]], file: str
) -> pd.DataFrame:
    """One row per expected value: what the run gave, and whether it is within tolerance.

    Parameters
    ----------
    tables
        `fits.parquet` as "fits", and `rates.csv` of a study as "rates".
    expected
        The checked rows of config/expected/<experiment>.yaml.
    file
        The name of that file, for errors.

    Returns
    -------
    pandas.DataFrame
        Columns as described in `svi_atlas.results.columns`. A row whose fits are not part of the run
        has the value NaN and is out of tolerance.

    Raises
    ------
    InputError
        If a row names a table or a column that does not exist, or needs one fit and selects several.
    """
    compared = []
    for row in expected:
        place = f"{file}: row {row['name']!r}"
        if row["table"] not in tables:
            raise InputError(f"{place}: key 'table': the experiment has no 'study', so no rates")
        compared.append(_compare_row(tables[row["table"]], row, place))
    return pd.DataFrame(compared, columns=COLUMNS)


def _compare_row(table: pd.DataFrame, row: dict[str, Any], place: str) -> dict[str, Any]:
    selected = _select_fits(table, row["where"], place)
    kept = {name: row[name] for name in ("name", "kind", "tolerance", "source", "why")}
    if selected.empty:
        return {**kept, "expected": row["expect"], "value": np.nan, "ok": False, "why": NOT_RUN}
    column = row["column"]
    if column not in table:
        if "verdict" in selected and (selected["verdict"] == "failed").all():
            return {**kept, "expected": row["expect"], "value": np.nan, "ok": False, "why": FAILED}
        raise InputError(f"{place}: key 'column': the table has no column {column!r}")
    values = selected[column]
    if isinstance(row["expect"], str):
        return {**kept, "expected": row["expect"], **_compare_words(values, row)}
    return {**kept, "expected": float(row["expect"]), **_compare_numbers(values, row, place)}


def _select_fits(table: pd.DataFrame, where: Mapping[str, Any], place: str) -> pd.DataFrame:
    """The rows with these values; numbers that are not integers are equal up to rounding."""
    selected = pd.Series(True, index=table.index)
    for column, wanted in where.items():
        if column not in table:
            raise InputError(f"{place}: key 'where': the table has no column {column!r}")
        if isinstance(wanted, float):
            selected &= np.isclose(table[column], wanted, rtol=1e-9)
        else:
            selected &= table[column] == wanted
    return table[selected]


def _compare_words(values: pd.Series, row: Mapping[str, Any]) -> dict[str, Any]:
    """The share of the fits that have the expected word."""
    share = float((values == row["expect"]).mean())
    return {"value": share, "ok": share >= 1 - row["tolerance"]}


def _compare_numbers(values: pd.Series, row: Mapping[str, Any], place: str) -> dict[str, Any]:
    statistic, numbers = row["statistic"], values.astype(float)
    if statistic == "only":
        if len(numbers) != 1:
            raise InputError(
                f"{place}: {len(numbers)} fits are selected; statistic 'only' needs exactly one"
            )
        value = float(numbers.iloc[0])
    else:
        value = float(getattr(numbers, statistic)())
    return {"value": value, "ok": bool(abs(value - float(row["expect"])) <= row["tolerance"])}


def check(files: Sequence[str]) -> tuple[str, bool]:
    """A printed comparison of every value, and whether all are within tolerance.

    Parameters
    ----------
    files
        The `verification.csv` of each experiment, in the experiment's folder.
    """
    lines, num_out = [], 0
    for file in map(Path, files):
        for row in read_table(file).itertuples():
            num_out += not row.ok
            lines.append(_comparison_line(file.parent.name, row))
    total = len(lines)
    lines.append(f"{total - num_out} of {total} values within tolerance, {num_out} out")
    return "\n".join(lines), num_out == 0


def _comparison_line(experiment: str, row: Any) -> str:
    mark = "ok " if row.ok else "OUT"
    return (
        f"{mark} {experiment}: {row.name}: {_number(row.value)}, {row.kind} "
        f"{_number(row.expected)} ± {row.tolerance:g} ({row.why})"
    )


def _number(value: Any) -> str:
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return str(value)
