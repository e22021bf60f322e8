"""Makes the posterior that fits are compared with."""

import json

from svi_atlas import problems, store
from svi_atlas.job import Job
from svi_atlas.references import make_reference, to_dataset


def run(job: Job) -> None:
    problem = problems.load(job.spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    settings = json.loads(store.read_dataset(job.inputs["data"]).attrs["spec"])["data"]
    reference = make_reference(problem, data, settings)
    store.write_dataset(to_dataset(reference), job.outputs["dataset"], job.spec_text)
