"""Simulates or assembles the data of an experiment."""

import numpy as np
import xarray as xr

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs.job import Job
from svi_atlas.results import store


def run(job: Job) -> None:
    problem = problems.load(job.spec["problem"])
    arrays = problem.simulate(purpose_key(0, "data"), job.spec["data"])
    dataset = xr.Dataset(
        {
            name: ([f"{name}_{axis}" for axis in range(np.ndim(value))], np.asarray(value))
            for name, value in arrays.items()
        },
        attrs={"experiment": job.spec["experiment"], "source": problem.source},
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
