"""Computes the statistics of every fit of a cell."""

from svi_atlas.diagnostics.table import diagnose
from svi_atlas.jobs.job import Job
from svi_atlas.results import store


def run(job: Job) -> None:
    reference = store.read_dataset(job.inputs["reference"], job.spec["model"])
    table = diagnose(store.read_dataset(job.inputs["fits"]), reference)
    store.write_table(table, job.outputs["table"], job.spec_text)
