"""Compares the verdicts of an experiment with the truth, and counts how often they are wrong."""

import pandas as pd

from svi_atlas.jobs.job import Job
from svi_atlas.judgement.error_rates import known_fits, rates
from svi_atlas.results import store


def run(job: Job) -> None:
    table = store.read_table(job.inputs["table"])
    truth = pd.concat([store.read_table(path) for path in job.inputs["truth"]], ignore_index=True)
    known = known_fits(table, truth, job.spec["thresholds"])
    store.write_table(known, job.outputs["known"], job.spec_text)
    others = [store.read_table(path) for path in job.inputs["also"]]
    pooled = pd.concat([known, *others], ignore_index=True)
    store.write_table(rates(pooled), job.outputs["csv"], job.spec_text)
    store.write_table(pooled, job.outputs["pooled"], job.spec_text)
