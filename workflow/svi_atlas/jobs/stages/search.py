"""Searches for the cheapest setting of a family of guides, if no cheaper family is adequate."""

from svi_atlas import problems
from svi_atlas.inference.cell import require_gpu, search_and_draw, skip_search
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.laplace import from_dataset
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.judgement.sufficient import sufficient_family
from svi_atlas.results import store


def run(job: Job) -> None:
    spec, inputs = job.spec, job.inputs
    cheaper = [store.read_table(path) for path in inputs["cheaper"]]
    if found := sufficient_family(cheaper, spec["thresholds"]):
        report(f"{found} is adequate, so that this family is not tried")
        dataset = skip_search(spec["cell"], f"{found} is adequate")
        store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
        return
    if spec["gpu"]:
        require_gpu(spec["experiment"])
    checkpoint = Checkpoint(job.scratch["checkpoint"], job.spec_text)
    dataset = search_and_draw(
        problems.load(spec["problem"]),
        spec["cell"],
        store.read_arrays(inputs["data"]),
        laplace=from_dataset(store.read_dataset(inputs["laplace"], spec["cell"]["model"])),
        max_gap=spec["thresholds"]["elbo_gap"],
        report=report,
        checkpoint=checkpoint,
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
    checkpoint.remove()
