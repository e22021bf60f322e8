"""Makes the tables of one module of analyses."""

import importlib
from functools import cache

import pandas as pd

from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.results.inputs import load


def run(job: Job) -> None:
    module = importlib.import_module(f"svi_atlas.{job.spec['module']}")
    tables: dict[str, pd.DataFrame] = {}

    @cache
    def read(source):
        return load(source, job.inputs)

    for name, inputs in job.spec["analyses"]:
        arguments = {
            argument: tables[source].copy() if source in tables else read(source)
            for argument, source in inputs.items()
        }
        tables[name] = getattr(module, name.split(".")[1])(**arguments)
        store.write_table(tables[name], job.outputs[name], job.spec_text)
