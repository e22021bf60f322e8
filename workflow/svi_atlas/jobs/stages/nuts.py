"""Runs NUTS beside the fits of a model, at given numbers of gradient evaluations."""

from svi_atlas import problems
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.references.equal_cost import nuts_of_model
from svi_atlas.results import store


def run(job: Job) -> None:
    settings = job.spec["nuts"]
    table = nuts_of_model(
        problems.load(job.spec["problem"]),
        settings["model"],
        store.read_arrays(job.inputs["data"]),
        job.dataset("reference", settings["model"]),
        settings["budgets"],
        settings["seeds"],
        report,
    )
    store.write_table(table, job.outputs["table"], job.spec_text)
