"""Runs NUTS beside the fits of a model, at given numbers of gradient evaluations."""

from svi_atlas import problems
from svi_atlas.diagnostics.reference_mask import mask_unreliable
from svi_atlas.inference.posterior import Posterior
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.log import report
from svi_atlas.references.equal_cost import run_nuts
from svi_atlas.results import store


def run(job: Job) -> None:
    spec = job.spec
    model = spec["nuts"]["model"]
    problem = problems.load(spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    where = f"problem {problem.name!r}, model {model!r}"
    posterior = Posterior.from_model(problem.models[model], data, where)
    reference = mask_unreliable(store.read_dataset(job.inputs["reference"], model))
    mean, sd = (
        {site: reference[f"{moment}.{site}"].to_numpy() for site in posterior.shapes}
        for moment in ("mean", "sd")
    )
    budgets, seeds = spec["nuts"]["budgets"], spec["nuts"]["seeds"]
    table = run_nuts(posterior, mean, sd, budgets, seeds, report).assign(model=model)
    store.write_table(table, job.outputs["table"], job.spec_text)
