"""Draws one figure of an experiment as SVG and PNG."""

import importlib

from svi_atlas.jobs.job import Job
from svi_atlas.plots._style import save
from svi_atlas.results import store


def run(job: Job) -> None:
    module = importlib.import_module(f"svi_atlas.plots.{job.spec['figure']}")
    figure = module.draw(store.Results(job.results, job.spec["experiment"]))
    save(figure, job.outputs["svg"], job.outputs["png"])
