"""The summary at the end of a run: verdicts, failures and where the CPU time went."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.results.store import read_table


def summarise_fits(tables: Mapping[str, str]) -> list[str]:
    """Verdict counts and failures, line by line.

    Parameters
    ----------
    tables
        The path of each experiment's table of fits.
    """
    lines = []
    for experiment, path in tables.items():
        table = read_table(path)
        counts = table["verdict"].value_counts()
        listed = ", ".join(f"{counts[name]:,} {name}" for name in VERDICTS if name in counts)
        lines.append(f"{experiment}: {len(table):,} fits: {listed}")
        failed = table[table["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
        lines += [
            f"  failed: {row.model}, {row.guide}, {row.label}: {row.message}"
            for row in failed.itertuples()
        ]
    return lines


def summarise_costs(costs: Iterable[str | Path], tables: Mapping[str, str]) -> list[str]:
    """The CPU time of all jobs by stage, and the share spent inside compiled fits.

    Parameters
    ----------
    costs
        The cost files of the run's jobs; those of jobs that have not run may be missing.
    tables
        The path of each experiment's table of fits.
    """
    by_stage: dict[str, float] = defaultdict(float)
    for path in map(Path, costs):
        if path.exists():
            cost = json.loads(path.read_text())
            by_stage[cost["stage"]] += cost["cpu_seconds"]
    total = sum(by_stage.values())
    if not total:
        return []
    ranked = sorted(by_stage.items(), key=lambda item: -item[1])
    shares = ", ".join(f"{stage} {seconds / total:.0%}" for stage, seconds in ranked)
    fitting = sum(_seconds_of_fits(read_table(path)) for path in tables.values())
    return [
        f"CPU time of all jobs: {total / 60:.1f} min ({shares}); inside compiled fits "
        f"{fitting / total:.0%}"
    ]


def _seconds_of_fits(table: pd.DataFrame) -> float:
    return float(table["seconds"].sum()) if "seconds" in table else 0.0
