"""Checks an experiment in seconds, before any job: its file, its data, its models and its guides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from svi_atlas import problems
from svi_atlas.configuration.cells import Experiment
from svi_atlas.errors import InputError
from svi_atlas.formatting import plural
from svi_atlas.inference.data import Data, faults_of_data
from svi_atlas.inference.guide_check import check_guide
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.planning.data_files import digests
from svi_atlas.planning.run import load
from svi_atlas.problems.data import make_data
from svi_atlas.records import Problem


class Line(NamedTuple):
    """What was found of one part: `kind` is "ok", "warning" or "error"."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:<8}{self.text}"


def check_experiment(name: str) -> Iterator[Line]:
    """What is right and what is wrong with an experiment, part by part.

    Parameters
    ----------
    name
        Of the experiment, or the path of its file.

    Raises
    ------
    InputError
        If its file, its problem or its data cannot be used at all.
    """
    name = Path(name).stem
    experiment = load({"experiments": [name]}, Path.cwd()).experiments[name]
    problem = problems.load(experiment.problem)
    yield Line("ok", f"{experiment.file}: {plural(len(experiment.cells), 'cell')} of fits")
    files = digests(experiment.data_files, experiment.data)
    key = purpose_key(0, "data")
    data = make_data(problem, key, experiment.data, files, experiment.file)
    yield from _data_lines(data)
    for model in dict.fromkeys(cell.model for cell in experiment.cells):
        yield from _model_lines(problem, experiment, model, data)


def _data_lines(data: dict) -> Iterator[Line]:
    if not data:
        yield Line("ok", "no data")
    faults = faults_of_data(data)
    for name, value in data.items():
        array = np.asarray(value)
        text = f"data {name!r}: {array.dtype.name}, shape {array.shape}"
        if name in faults:
            yield Line("warning", f"{text}; {faults[name]}")
        else:
            yield Line("ok", text)


def _model_lines(
    problem: Problem, experiment: Experiment, model: str, data: dict
) -> Iterator[Line]:
    function = problem.models[model]
    try:
        posterior = Posterior.from_model(function, data, f"model {model!r}")
    except InputError as error:
        yield Line("error", str(error))
    else:
        sites = ", ".join(f"{site} {shape}" for site, shape in posterior.shapes.items())
        yield Line("ok", f"model {model!r}: {plural(posterior.dim, 'dimension')}; {sites}")
        with posterior.precision():
            if not np.isfinite(float(posterior.log_density(jnp.zeros(posterior.dim)))):
                yield Line(
                    "warning",
                    f"model {model!r}: its density is zero or undefined where all unconstrained coordinates are 0; "
                    "fits may not find where it is not",
                )
    cells = [(cell.guide, cell.loss) for cell in experiment.cells if cell.model == model]
    for guide, loss in dict.fromkeys(cells):
        yield from _guide_lines(problem, experiment, model, guide, loss, data)


def _guide_lines(
    problem: Problem, experiment: Experiment, model: str, guide: str, loss: str, data: dict
) -> Iterator[Line]:
    where = f"guide {guide!r}"
    make_guide = guide_factory(problem, model, guide, experiment.autoguides.get(guide))
    known = Data.for_model(data, problem.models[model], make_guide())
    findings = check_guide(problem.models[model], make_guide(), known, loss)
    for finding in findings:
        yield Line(finding.severity, f"{where}: {finding.message}")
    if not findings:
        yield Line("ok", where)
