"""Measures how far the fits of a cell are from the posterior, for a study of the verdict."""

from svi_atlas import problems
from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.study.truth import true_errors


def run(job: Job) -> None:
    spec = job.spec
    model = spec["cell"]["model"]
    table = true_errors(
        problems.load(spec["problem"]),
        spec["cell"],
        store.read_arrays(job.inputs["data"]),
        store.read_dataset(job.inputs["fits"]),
        store.read_dataset(job.inputs["reference"], model),
        spec["autoguide"],
    )
    store.write_table(table, job.outputs["table"], job.spec_text)
