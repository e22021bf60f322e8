"""Tests whether the refitted guides of an experiment are calibrated."""

import pandas as pd

from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.sbc.uniformity import calibration

SETTINGS = ("name", "model", "guide", "num_particles", "step_size", "num_steps", "simulations", "num_draws")  # fmt: skip


def run(job: Job) -> None:
    parts = []
    for entry in job.spec["sbc"]:
        refits = store.read_table(job.inputs["ranks"][entry["name"]])
        if "message" in refits:
            message = refits["message"].iloc[0]
            if job.spec["strict"]:
                raise InputError(
                    f"strict is true and calibration.{entry['name']} failed: {message}"
                )
            tested = pd.DataFrame({"finding": ["failed"], "message": [message]})
        else:
            below = refits.pivot(index="simulation", columns="parameter", values="rank")
            tested = calibration(below.to_numpy(), entry["num_draws"])
            tested.insert(0, "parameter", below.columns)
        parts.append(tested.assign(**{name: entry[name] for name in SETTINGS}))
    table = pd.concat(parts, ignore_index=True)
    names = [*SETTINGS, *(name for name in table if name not in SETTINGS)]
    store.write_table(table[names], job.outputs["csv"], job.spec_text)
