"""A search from start to end: check the guide, find a setting, draw from the fits of all seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from svi_atlas.guide_traits import guide_traits
from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.cell import CellTask, Report, describe_cell, identify, require_gpu
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.data import Data
from svi_atlas.inference.dataset import FIT
from svi_atlas.inference.guides import describe_start, guide_factory, is_whitened
from svi_atlas.inference.laplace import from_dataset
from svi_atlas.inference.optimality import GapCheck
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.schedules import Setting
from svi_atlas.inference.search import Trial, search
from svi_atlas.inference.search_pool import SCHEDULE
from svi_atlas.inference.starts import whitening_variables
from svi_atlas.records import Problem


@accelerated()
def search_and_draw(
    problem: Problem,
    cell: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    laplace: xr.Dataset | None,
    max_gap: float,
    max_stored_mb: float = 64.0,
    sufficient: str | None = None,
    gpu: bool = False,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Search for the cheapest setting at which a guide's fits arrive, and draw from its fits.

    The guide is whitened where the Laplace approximation is usable.

    Parameters
    ----------
    cell
        The fields of the planned cell (`configuration.cells.SearchCell`).
    sufficient
        A cheaper family that is adequate, if there is one: then nothing is done.
    gpu
        Whether a GPU is required.
    problem, data, laplace, max_gap, max_stored_mb, report, checkpoint
        As in `fit_and_draw`.

    Returns
    -------
    As of `fit_and_draw`, with one setting; besides, the variables `trial_<field>` (trial) of `Trial`. If
    the family is not tried, a dataset without variables whose attribute `skipped` says why.
    """
    assert laplace is not None
    approximation = from_dataset(laplace)
    if skipped := _why_not_tried(cell, approximation.mode.size, sufficient):
        report(f"not tried: {skipped}")
        return identify(xr.Dataset(attrs={"skipped": skipped}), cell)
    if gpu:
        require_gpu(cell["experiment"])
    autoguide = {"class": cell["guide"], "options": {}, "whitened": True, "start": "uniform"}
    whitened = is_whitened(autoguide, approximation)
    make_guide = guide_factory(problem, cell["model"], cell["guide"], autoguide, approximation)
    data = Data.for_model(data, problem.models[cell["model"]], make_guide())
    task = CellTask(problem, cell, data, make_guide, report)
    check = GapCheck(task.model, make_guide, data, max_gap)
    candidates = []

    def search_and_describe() -> xr.Dataset:
        result = search(
            task.model,
            make_guide,
            data,
            check,
            seeds=tuple(cell["seeds"]),
            budget=cell["budget"],
            flow=guide_traits(cell["guide"]).flow,
            optimizer=Optimizer.from_dict(cell["optimizer"]),
            loss=cell["loss"],
            max_stored_bytes=max_stored_mb * 1e6,
            report=report,
            checkpoint=checkpoint,
        )
        candidates.append(result.candidate)
        fits, (num_particles, step_size) = result.fits, result.candidate
        evaluations = fits.steps_used * num_particles + fits.check_draws
        trials = {
            f"trial_{name}": ("trial", np.array([getattr(trial, name) for trial in result.trials]))
            for name in Trial._fields
        }
        dataset = task.draw(fits, (Setting(SCHEDULE, step_size),), evaluations)
        return dataset.assign(trials | {"gradient_evaluations": (FIT, evaluations)})

    dataset = task.run(search_and_describe)
    num_particles, step_size = candidates[0] if candidates else (0, np.nan)
    if whitened:
        dataset = dataset.assign(whitening_variables(approximation))
    return describe_cell(
        dataset,
        cell,
        (Setting(SCHEDULE, step_size),),
        num_particles=num_particles,
        num_steps=0,
        until_arrived=1,
        whitened=int(whitened),
        start=describe_start(autoguide, approximation),
    )


def _why_not_tried(cell: Mapping[str, Any], dim: int, sufficient: str | None) -> str:
    """Why a search does not try a family for a posterior of some dimensions, "" if it does."""
    if sufficient:
        return f"{sufficient} is adequate"
    traits = guide_traits(cell["guide"])
    if dim == 1 and traits.flow:
        return "a flow needs two dimensions"
    if dim == 1 and cell["cheaper"] and (traits.full_rank or traits.low_rank):
        return f"in one dimension it is the same family as {cell['cheaper'][0]}"
    return ""
