"""Searches for the cheapest setting of a family of guides, if no cheaper family is adequate."""

from svi_atlas import problems
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.search_cell import search_and_draw
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.judgement.sufficient import sufficient_family
from svi_atlas.results import store


def run(job: Job) -> None:
    spec = job.spec
    cheaper = [store.read_table(path) for path in job.inputs["cheaper"]]
    checkpoint = Checkpoint(job.scratch["checkpoint"], job.spec_text)
    dataset = search_and_draw(
        problems.load(spec["problem"]),
        spec["cell"],
        store.read_arrays(job.inputs["data"]),
        sufficient=sufficient_family(cheaper, spec["thresholds"]),
        laplace=job.dataset("laplace", spec["cell"]["model"]),
        max_gap=spec["thresholds"]["elbo_gap"],
        max_stored_mb=spec["max_stored_mb"],
        gpu=spec["gpu"],
        report=report,
        checkpoint=checkpoint,
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
    checkpoint.remove()
