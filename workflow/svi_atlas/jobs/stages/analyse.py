"""Makes one table behind figures and pages."""

import importlib

from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.results.inputs import load


def run(job: Job) -> None:
    module = importlib.import_module(f"svi_atlas.{job.spec['module']}")
    analysis = getattr(module, job.spec["function"])
    arguments = {name: load(source, job.inputs) for name, source in job.spec["arguments"].items()}
    store.write_table(analysis(**arguments), job.outputs["table"], job.spec_text)
