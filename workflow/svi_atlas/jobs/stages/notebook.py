"""Runs a text notebook with papermill."""

from typing import Any

from svi_atlas.jobs.job import Job
from svi_atlas.planning.code_digest import PACKAGE
from svi_atlas.report.execute import execute


def run(job: Job) -> None:
    parameters: dict[str, Any] = {"results": job.results} | {
        name: job.spec[name]
        for name in ("experiment", "title", "figures", "experiments")
        if name in job.spec
    }
    execute(
        PACKAGE.parents[1] / job.spec["notebook"],
        job.outputs["notebook"],
        parameters,
    )
