"""Refits a guide to data sets drawn from the model and ranks the true values among its draws."""

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.results import store
from svi_atlas.sbc.refit import refit_simulated_data


def run(job: Job) -> None:
    spec, settings = job.spec, job.spec["sbc"]
    problem = problems.load(spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    try:
        table = refit_simulated_data(problem, settings, data, spec["autoguide"], report)
    except InputError as error:
        where = f"config/experiments/{spec['experiment']}.yaml: key 'sbc.{settings['name']}'"
        raise InputError(f"{where}: {error}") from error
    store.write_table(table, job.outputs["table"], job.spec_text)
