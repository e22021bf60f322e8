"""Compares an experiment with its published and exact values."""

from svi_atlas.jobs.job import Job
from svi_atlas.judgement.verification import compare
from svi_atlas.results import store


def run(job: Job) -> None:
    results = store.Results(job.results, job.spec["experiment"])
    tables = {"fits": results.table()}
    if job.spec["study"]:
        tables["rates"] = results.rates()
    comparison = compare(tables, job.spec["expected"], job.spec["file"])
    store.write_table(comparison, job.outputs["csv"], job.spec_text)
