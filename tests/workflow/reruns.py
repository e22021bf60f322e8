"""Which jobs must run after an edit, worked out from their specs alone."""

import json

from support import job_name


def jobs_to_rerun(before, after):
    """Names of the jobs that must run again, as `snakemake` without a target would.

    A job runs if its spec is new or another one, and if a job that makes one of its inputs runs,
    as though every job that runs changed its outputs.

    Parameters
    ----------
    before, after
        Plans of a finished project before and after the edit (`support.Plan`).
    """
    specs = {path: json.loads(text) for path, text in after.specs.items()}
    makers = {output: path for path in specs for output in specs[path]["outputs"].values()}
    reruns = {}

    def visit(path):
        if path not in reruns:
            upstream = [visit(makers[file]) for file in files_in(specs[path]["inputs"])]
            reruns[path] = any(upstream) or before.specs.get(path) != after.specs[path]
        return reruns[path]

    for target in after.targets:
        visit(makers[target])
    return {job_name(path) for path, rerun in reruns.items() if rerun}


def files_in(inputs):
    """Every file among the inputs of a spec."""
    if isinstance(inputs, str):
        return [inputs]
    values = inputs.values() if isinstance(inputs, dict) else inputs
    return [file for value in values for file in files_in(value)]
