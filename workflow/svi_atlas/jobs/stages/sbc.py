"""Tests whether the refitted guides of an experiment are calibrated."""

from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.sbc.table import tabulate_calibration


def run(job: Job) -> None:
    entries = job.spec["sbc"]
    refits = {
        entry["name"]: store.read_table(job.inputs["ranks"][entry["name"]]) for entry in entries
    }
    table = tabulate_calibration(entries, refits, job.spec["strict"])
    store.write_table(table, job.outputs["csv"], job.spec_text)
