"""Gathers the statistics of an experiment's fits and gives each fit its verdict."""

import pandas as pd

from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.judgement.verdict import judge
from svi_atlas.results import store
from svi_atlas.results.paths import Layout


def run(job: Job) -> None:
    layout = Layout(job.results)
    parts = [
        store.read_table(layout.diagnostics_of(job.spec["experiment"], **cell))
        for cell in job.spec["cells"]
    ]
    # Cell by cell, since finding the words of a verdict takes more memory than keeping them.
    verdicts = pd.concat([judge(part, job.spec["thresholds"]) for part in parts], ignore_index=True)
    statistics = pd.concat(
        [part.drop(columns=weights_of_networks(part)) for part in parts], ignore_index=True
    )
    table = pd.concat([statistics, verdicts], axis=1)
    failed = table[table["verdict"] == "failed"].drop_duplicates(["model", "guide", "label"])
    if job.spec["strict"] and len(failed):
        lines = (
            f"  {row.model}, {row.guide}, {row.label}: {row.message}" for row in failed.itertuples()
        )
        raise InputError("strict is true and these fits failed:\n" + "\n".join(lines))
    store.write_table(table, job.outputs["parquet"], job.spec_text)
    store.write_table(table, job.outputs["csv"], job.spec_text)


def weights_of_networks(table: pd.DataFrame) -> list[str]:
    """Columns of a flow's network weights: hundreds of numbers that mean nothing one by one."""
    return [name for name in map(str, table) if "$params" in name]
