"""Comparison of a run with published and exact values, and the summary at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.errors import InputError
from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.results.store import Results

NOT_RUN = "not run: no fit of this run has these settings"


def compare(
    tables: Mapping[str, pd.DataFrame], expected: list[dict[str, Any]], file: str
) -> pd.DataFrame:
    """One row an expected value: what the run gave, and whether it is within tolerance.

    tables: `fits.parquet` as "fits", and `rates.csv` of a study as "rates"; expected: the checked rows
    of config/expected/<experiment>.yaml (`file`, named in errors). A row whose fits are not part of the
    run has the value NaN and is out. Raises InputError if a row names a column that is not there.
    """
    compared = []
    for row in expected:
        where = f"{file}: row {row['name']!r}"
        if row["table"] not in tables:
            raise InputError(f"{where}: key 'table': the experiment has no 'study', so no rates")
        compared.append(_compare_row(tables[row["table"]], row, where))
    columns = ["name", "kind", "expected", "tolerance", "value", "ok", "source", "why"]
    return pd.DataFrame(compared, columns=columns)


def _compare_row(table: pd.DataFrame, row: dict[str, Any], where: str) -> dict[str, Any]:
    chosen = pd.Series(True, index=table.index)
    for column, wanted in row["where"].items():
        if column not in table:
            raise InputError(f"{where}: key 'where': the table has no column {column!r}")
        if isinstance(wanted, float):
            chosen &= np.isclose(table[column], wanted, rtol=1e-9)
        else:
            chosen &= table[column] == wanted
    kept = {name: row[name] for name in ("name", "kind", "tolerance", "source", "why")}
    if not chosen.any():
        return {**kept, "expected": row["expect"], "value": np.nan, "ok": False, "why": NOT_RUN}
    column = row["column"]
    if column not in table:
        raise InputError(f"{where}: key 'column': the table has no column {column!r}")
    values = table.loc[chosen, column]
    statistic = row["statistic"]
    word = isinstance(row["expect"], str)
    if statistic == "only" and len(values) != 1 and not word:
        raise InputError(f"{where}: {len(values)} fits are selected; statistic 'only' needs one")
    if word:
        share = float((values == row["expect"]).mean())
        value, ok = share, share >= 1 - row["tolerance"]
        expected: float | str = row["expect"]
    else:
        numbers = values.astype(float)
        value = float(numbers.iloc[0] if statistic == "only" else getattr(numbers, statistic)())
        expected = float(row["expect"])
        ok = bool(abs(value - expected) <= row["tolerance"])
    return {**kept, "expected": expected, "value": value, "ok": ok}


def check(results: str, experiments: list[str]) -> tuple[str, bool]:
    """A printed comparison of every value of the experiments, and whether all are in tolerance."""
    lines, bad = [], 0
    total = 0
    for experiment in experiments:
        for row in Results(results, experiment).verification().itertuples():
            total += 1
            bad += not row.ok
            mark = "ok " if row.ok else "OUT"
            lines.append(
                f"{mark} {experiment}: {row.name}: {_number(row.value)}, {row.kind} "
                f"{_number(row.expected)} +- {row.tolerance:g} ({row.why})"
            )
    lines.append(f"{total - bad} of {total} values within tolerance, {bad} out")
    return "\n".join(lines), bad == 0


def _number(value: Any) -> str:
    try:
        return f"{float(value):.6g}"
    except ValueError:
        return str(value)


def summary(results: str, experiments: list[str]) -> str:
    """Verdict counts by experiment, the fits that failed with their messages, and the CPU time."""
    lines, costs, fitting = [], [], 0.0
    for experiment in experiments:
        table = Results(results, experiment).table()
        counts = table["verdict"].value_counts()
        listed = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if name in counts)
        lines.append(f"{experiment}: {len(table):,} fits: {listed}")
        failed = table[table["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
        lines += [
            f"  failed: {row.model}, {row.guide}, {row.label}: {row.message}"
            for row in failed.itertuples()
        ]
        costs.append(Results(results, experiment).costs())
        fitting += table["seconds"].sum() if "seconds" in table else 0.0
    by_stage = pd.concat(costs).groupby("stage")["cpu_seconds"].sum().sort_values(ascending=False)
    if total := by_stage.sum():
        shares = ", ".join(f"{stage} {used / total:.0%}" for stage, used in by_stage.items())
        lines.append(
            f"CPU time of all jobs: {total / 60:.1f} min ({shares}); inside compiled fits "
            f"{fitting / total:.0%}"
        )
    return "\n".join(lines)
