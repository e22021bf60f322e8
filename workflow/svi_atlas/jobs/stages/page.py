"""Makes a page of the report from an executed notebook."""

from pathlib import Path

from svi_atlas.jobs.job import Job
from svi_atlas.report.page import make_page


def run(job: Job) -> None:
    notebook = Path(str(job.inputs["notebook"]))
    title, page, pages = (job.spec[name] for name in ("title", "page", "pages"))
    make_page(notebook, job.outputs["page"], title, page, pages)
