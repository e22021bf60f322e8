"""Makes the posterior that fits are compared with."""

import sys

from svi_atlas import problems
from svi_atlas.jobs.job import Job
from svi_atlas.references.dataset import to_dataset
from svi_atlas.references.make import make_references
from svi_atlas.results import store


def run(job: Job) -> None:
    problem = problems.load(job.spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    references = make_references(problem, data, job.spec["data"], _report)
    datasets = {model: to_dataset(reference) for model, reference in references.items()}
    store.write_datasets(datasets, job.outputs["dataset"], job.spec_text)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
