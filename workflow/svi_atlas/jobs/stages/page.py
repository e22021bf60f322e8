"""Makes a report page from an executed notebook."""

from svi_atlas.jobs.job import Job
from svi_atlas.report.page import make_page


def run(job: Job) -> None:
    make_page(job.inputs["notebook"], job.outputs["page"], job.spec["title"], job.spec["page"])
