"""Simulates or assembles the data of an experiment."""

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs.job import Job
from svi_atlas.problems.data import make_data, to_dataset
from svi_atlas.results import store


def run(job: Job) -> None:
    spec = job.spec
    problem = problems.load(spec["problem"])
    where = f"config/experiments/{spec['experiment']}.yaml"
    arrays = make_data(problem, purpose_key(0, "data"), spec["data"], spec["files"], where)
    dataset = to_dataset(arrays, spec["experiment"], problem.source)
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
