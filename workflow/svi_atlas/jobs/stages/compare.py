"""Compares an experiment with its published and exact values."""

from svi_atlas.jobs.job import Job
from svi_atlas.judgement.verification import compare
from svi_atlas.results import store


def run(job: Job) -> None:
    tables = {"fits": store.read_table(job.inputs["table"])}
    if "rates" in job.inputs:
        tables["rates"] = store.read_table(job.inputs["rates"])
    comparison = compare(tables, job.spec["expected"], job.spec["file"])
    store.write_table(comparison, job.outputs["csv"], job.spec_text)
