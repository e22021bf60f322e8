"""Runs a text notebook with papermill, the facts of the run filled into its text."""

from svi_atlas.jobs.job import Job
from svi_atlas.locations import PROJECT
from svi_atlas.report.execute import execute
from svi_atlas.results.inputs import load


def run(job: Job) -> None:
    source = PROJECT / job.spec["notebook"]
    facts = {"title": job.spec["title"]}
    if f"{source.stem}.facts" in job.inputs:
        table = load(f"{source.stem}.facts", job.inputs)
        facts |= dict(zip(table["name"], table["text"], strict=True))
    execute(source, job.outputs["notebook"], {"spec": str(job.spec_file)}, facts)
