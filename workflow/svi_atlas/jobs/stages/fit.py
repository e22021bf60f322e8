"""Fits a cell and draws from its fitted guides."""

from svi_atlas import problems
from svi_atlas.inference.cell import fit_and_draw, require_gpu
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.laplace import from_dataset
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.results import store


def run(job: Job) -> None:
    spec, inputs = job.spec, job.inputs
    if spec["gpu"]:
        require_gpu(spec["experiment"])
    laplace = earlier = None
    if "laplace" in inputs:
        laplace = from_dataset(store.read_dataset(inputs["laplace"], spec["cell"]["model"]))
    if "start" in inputs:
        earlier = store.read_dataset(inputs["start"])
    checkpoint = Checkpoint(job.scratch["checkpoint"], job.spec_text)
    dataset = fit_and_draw(
        problems.load(spec["problem"]),
        spec["cell"],
        store.read_arrays(inputs["data"]),
        autoguide=spec["autoguide"],
        laplace=laplace,
        earlier=earlier,
        max_gap=spec["max_gap"],
        num_snapshots=spec["num_snapshots"],
        max_stored_mb=spec["max_stored_mb"],
        report=report,
        checkpoint=checkpoint,
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
    checkpoint.remove()
