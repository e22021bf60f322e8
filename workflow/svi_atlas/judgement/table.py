"""The table of an experiment: one row per fit with its statistics and its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from svi_atlas.judgement.verdict import judge


def judge_cells(cells: Sequence[pd.DataFrame], thresholds: Mapping[str, float]) -> pd.DataFrame:
    """The fits of all cells with their verdicts, one row per fit.

    Parameters
    ----------
    cells
        The statistics of each cell. They are judged cell by cell, since composing the reasons takes
        more memory than keeping them. Families that a search did not try have no rows.
    thresholds
        Limits by statistic.
    """
    cells = [cell for cell in cells if len(cell)]
    verdicts = pd.concat([judge(cell, thresholds) for cell in cells], ignore_index=True)
    statistics = pd.concat(
        [cell.drop(columns=network_weights(cell)) for cell in cells], ignore_index=True
    )
    return pd.concat([statistics, verdicts], axis=1)


def network_weights(table: pd.DataFrame) -> list[str]:
    """Columns of the weights of a flow's networks: hundreds of numbers without a meaning of their own."""
    return [name for name in map(str, table) if "$params" in name]


def describe_failures(table: pd.DataFrame) -> list[str]:
    """One line per cell that failed."""
    failed = table[table["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
    return [
        f"  {row.model}, {row.guide}, {row.label}: {row.message}" for row in failed.itertuples()
    ]
