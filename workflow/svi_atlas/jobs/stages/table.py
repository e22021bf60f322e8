"""Gathers the statistics of an experiment's fits and gives each fit its verdict."""

from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.judgement.table import describe_failures, judge_cells
from svi_atlas.results import store


def run(job: Job) -> None:
    cells = [store.read_table(path) for path in job.inputs["diagnostics"]]
    table = judge_cells(cells, job.spec["thresholds"])
    if job.spec["strict"] and (failures := describe_failures(table)):
        raise InputError("strict is true and these fits failed:\n" + "\n".join(failures))
    store.write_table(table, job.outputs["parquet"], job.spec_text)
    store.write_table(table, job.outputs["csv"], job.spec_text)
