"""Compares the verdicts of an experiment with the truth, where its problem knows it."""

from svi_atlas import problems
from svi_atlas.jobs.job import Job
from svi_atlas.judgement.error_rates import rates, truth
from svi_atlas.results import store
from svi_atlas.results.inputs import References


def run(job: Job) -> None:
    table = store.read_table(job.inputs["table"])
    problem = problems.load(job.spec["problem"])
    assert problem.optimum is not None  # checked before any job starts
    families = table[["model", "guide"]].drop_duplicates().itertuples(index=False)
    optima = {(model, guide): problem.optimum(model, guide) for model, guide in families}
    references = References(job.inputs["reference"])
    posterior = {
        model: (references[model]["mean.x"].to_numpy(), references[model]["sd.x"].to_numpy())
        for model in table["model"].unique()
    }
    thresholds = job.spec["thresholds"]
    known = truth(table, optima, posterior, thresholds)
    result = rates(table, known["is_right"], job.spec["study"], thresholds)
    store.write_table(result, job.outputs["csv"], job.spec_text)
    keep = ["model", "guide", "block", "label", "num_particles", "step_size", "seed", "verdict"]
    store.write_table(table[keep].join(known), job.outputs["truth"], job.spec_text)
