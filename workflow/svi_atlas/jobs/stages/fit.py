"""Fits a cell and draws from its fitted guides."""

from svi_atlas import problems
from svi_atlas.inference.cell import fit_and_draw, require_gpu
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.results import store


def run(job: Job) -> None:
    spec = job.spec
    if spec["gpu"]:
        require_gpu(spec["experiment"])
    checkpoint = Checkpoint(job.scratch["checkpoint"], job.spec_text)
    dataset = fit_and_draw(
        problems.load(spec["problem"]),
        spec["cell"],
        store.read_arrays(job.inputs["data"]),
        **{name: spec[name] for name in ("autoguide", "max_gap", "num_snapshots", "max_stored_mb")},
        laplace=job.dataset("laplace", spec["cell"]["model"]),
        earlier=job.dataset("start"),
        report=report,
        checkpoint=checkpoint,
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
    checkpoint.remove()
