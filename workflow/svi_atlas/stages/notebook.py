"""Runs a text notebook with papermill."""

from svi_atlas.job import Job
from svi_atlas.report.execute import execute
from svi_atlas.spec import PACKAGE


def run(job: Job) -> None:
    parameters = {
        name: job.spec[name]
        for name in ("experiment", "title", "figures", "experiments")
        if name in job.spec
    }
    execute(
        PACKAGE.parents[1] / job.spec["notebook"],
        job.outputs["notebook"],
        {"results": job.results, **parameters},
    )
