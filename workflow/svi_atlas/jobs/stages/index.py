"""Makes the index of the report."""

from svi_atlas.jobs.job import Job
from svi_atlas.report.index import make_index


def run(job: Job) -> None:
    make_index(job.spec["experiments"], job.inputs, job.outputs["page"])
