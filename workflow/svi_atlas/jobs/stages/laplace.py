"""Makes the Laplace approximations that fits start from and are whitened with."""

from svi_atlas import problems
from svi_atlas.inference.laplace import approximate_models, to_dataset
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.results import store


def run(job: Job) -> None:
    problem = problems.load(job.spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    found = approximate_models(problem, job.spec["models"], data, report)
    datasets = {model: to_dataset(laplace) for model, laplace in found.items()}
    store.write_datasets(datasets, job.outputs["dataset"], job.spec_text)
