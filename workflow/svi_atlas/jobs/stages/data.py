"""Simulates or assembles the data of an experiment."""

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs.job import Job
from svi_atlas.problems.data import to_dataset
from svi_atlas.results import store


def run(job: Job) -> None:
    problem = problems.load(job.spec["problem"])
    arrays = problem.simulate(purpose_key(0, "data"), job.spec["data"])
    dataset = to_dataset(arrays, job.spec["experiment"], problem.source)
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
