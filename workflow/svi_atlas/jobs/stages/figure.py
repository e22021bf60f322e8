"""Draws one figure of an experiment as SVG and PNG."""

import importlib

from svi_atlas.jobs.job import Job
from svi_atlas.plots._style import save
from svi_atlas.results.inputs import load


def run(job: Job) -> None:
    module = importlib.import_module(f"svi_atlas.{job.spec['module']}")
    arguments = {name: load(source, job.inputs) for name, source in job.spec["arguments"].items()}
    save(module.draw(**arguments), job.outputs["svg"], job.outputs["png"])
