"""A cell from start to end: check its guide, fit it, draw from its fitted guides."""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Int

from svi_atlas.errors import InputError
from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.data import Data, faults_of_data
from svi_atlas.inference.dataset import FIT, to_dataset
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.fit import Fits, fit_cell
from svi_atlas.inference.guide_check import Finding, check_guide, check_support, raise_errors
from svi_atlas.inference.guides import describe_start, guide_factory, is_point, is_whitened
from svi_atlas.inference.laplace import from_dataset
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.more_draws import add_draws
from svi_atlas.inference.optimality import GapCheck
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.predictive import mock_data
from svi_atlas.inference.schedules import Setting, schedules_of, settings_of
from svi_atlas.inference.starts import start_from, whitening_of, whitening_variables
from svi_atlas.records import Problem

PACKAGES = ("jax", "jaxlib", "numpyro", "numpy")
"""Packages whose versions are kept with the fits."""

IDENTITY = ("experiment", "model", "guide", "block", "label")
"""Fields of a cell that say which it is."""

Report = Callable[[str], None]


@accelerated()
def fit_and_draw(
    problem: Problem,
    cell: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    autoguide: Mapping[str, Any] | None = None,
    laplace: xr.Dataset | None = None,
    earlier: xr.Dataset | None = None,
    max_gap: float | None = None,
    num_snapshots: int = 1000,
    max_stored_mb: int | float = 64,
    report: Report,
    checkpoint: Checkpoint | None = None,
) -> xr.Dataset:
    """Fit all seeds and settings of a cell and draw from each fitted guide.

    Parameters
    ----------
    problem
        Holds the cell's model and guide.
    cell
        The fields of the planned cell (`configuration.cells.Cell`).
    data
        Arrays by name.
    autoguide
        The entry of the experiment's `autoguides` that the cell's guide stands for, if it is one.
    laplace
        The Laplace approximation of the posterior (`laplace.to_dataset`), where that entry asks for it.
    earlier
        The dataset of fits from whose ends these start, where that entry asks for it.
    max_gap
        Optimality gap (nats per parameter of the guide) below which a fit has arrived, where fits are to
        stop then.
    num_snapshots, max_stored_mb
        What is kept of each fit: see `fit_cell`.
    report
        Receives progress lines and what is wrong with the guide.
    checkpoint
        Saved to, and resumed from.

    Returns
    -------
    The dataset of `to_dataset` with the coordinates `seed`, and `step_size` and `schedule` of each setting;
    without variables, and with the attribute `message`, if the model or the guide raised.
    """
    approximation = None if laplace is None else from_dataset(laplace)
    start = None
    if earlier is not None:
        start = partial(start_from, earlier)
        approximation = whitening_of(earlier) or approximation
    make_guide = guide_factory(problem, cell["model"], cell["guide"], autoguide, approximation)
    schedules = {name: schedules_of(problem)[name] for name in cell["schedules"]}
    settings = settings_of(schedules, cell["step_sizes"])
    data = Data.for_model(data, problem.models[cell["model"]], make_guide())
    task = CellTask(problem, cell, data, make_guide, report)
    check = None if max_gap is None else GapCheck(task.model, make_guide, data, max_gap)

    def fit(at_start) -> Fits:
        return fit_cell(
            task.model,
            make_guide,
            data,
            num_particles=cell["num_particles"],
            step_sizes=tuple(cell["step_sizes"]),
            seeds=tuple(cell["seeds"]),
            num_steps=cell["num_steps"],
            schedules=schedules,
            optimizer=Optimizer.from_dict(cell["optimizer"]),
            loss=cell["loss"],
            look_at=None if check is None else check.look,
            start=start,
            num_snapshots=num_snapshots,
            max_stored_bytes=max_stored_mb * 1e6,
            report=report,
            checkpoint=checkpoint,
            at_start=at_start,
        )

    def fit_and_describe() -> xr.Dataset:
        fits = fit(partial(task.check_start, settings))
        evaluations = fits.steps_used * cell["num_particles"] + fits.check_draws
        dataset = task.draw(fits, settings, evaluations)
        return dataset.assign(gradient_evaluations=(FIT, evaluations))

    whitened = is_whitened(autoguide, approximation)
    dataset = task.run(fit_and_describe)
    if approximation is not None and whitened:
        dataset = dataset.assign(whitening_variables(approximation))
    return describe_cell(
        dataset,
        cell,
        settings,
        num_particles=cell["num_particles"],
        num_steps=cell["num_steps"],
        until_arrived=int(cell["until_arrived"]),
        whitened=int(whitened),
        start=describe_start(autoguide, approximation),
    )


def require_gpu(experiment: str) -> None:
    """Raise InputError if an experiment that asks for a GPU runs without one."""
    if jax.default_backend() == "cpu":
        raise InputError(
            f"config/experiments/{experiment}.yaml: key 'gpu': JAX finds no GPU here; install "
            "envs/gpu.txt on a machine that has one, or set 'allow_cpu: true' in config/config.yaml"
        )


class CellTask:
    """What fits of a cell have in common: the guide is checked before, drawn from afterwards."""

    def __init__(
        self,
        problem: Problem,
        cell: Mapping[str, Any],
        data: Mapping[str, Any],
        make_guide: Callable[[], Callable],
        report: Report,
    ):
        self.model = problem.models[cell["model"]]
        self._problem, self._cell, self._data = problem, cell, data
        self._make_guide, self._report = make_guide, report
        self._findings: list[Finding] = []

    def run(self, fit_and_describe: Callable[[], xr.Dataset]) -> xr.Dataset:
        """Check the guide and fit it; what it raises becomes the attribute `message`."""
        try:
            faults = faults_of_data(self._data)
            self._add_findings(
                [Finding("warning", f"data {name!r}: {text}") for name, text in faults.items()]
            )
            self._add_findings(
                check_guide(self.model, self._make_guide(), self._data, self._cell["loss"])
            )
            raise_errors(self._findings)
            dataset = fit_and_describe()
        except ModelError as error:
            self._report(f"failed: {error}")
            dataset = xr.Dataset(attrs={"message": str(error)})
        return dataset.assign_attrs(guide_check="; ".join(map(str, self._findings)))

    def check_start(self, settings: tuple[Setting, ...], unconstrained: Any) -> None:
        """Before the first step all settings are alike; a point has no draws yet."""
        if not is_point(self._make_guide()):
            log_joint = self._drawer(settings).log_joint(unconstrained)
            self._add_findings(check_support(log_joint[:, 0], "at the start"))

    def draw(
        self,
        fits: Fits,
        settings: tuple[Setting, ...],
        gradients: Int[np.ndarray, "seed setting"],
    ) -> xr.Dataset:
        """Draw from the fitted guides, and put fits and draws into one dataset.

        gradients: of the model that each fit has taken; to judge it may take as many.
        """
        cell = self._cell
        self._report(f"compiled in {fits.seconds_compile:.1f} s, ran in {fits.seconds_run:.1f} s")
        started = time.perf_counter()
        drawer, mock = self._drawer(settings), {}
        draws = add_draws(drawer, fits.iterates, drawer(fits.iterates), gradients)
        if num_mock := cell.get("num_mock"):
            last = jax.tree.map(lambda leaf: leaf[0], fits.iterates)
            seeds = tuple(cell["seeds"])
            mock = mock_data(self.model, self._make_guide, self._data, last, draws, seeds, num_mock)
        seconds_draw = time.perf_counter() - started
        self._report(f"drew {cell['num_draws']:,} times from each guide in {seconds_draw:.1f} s")
        return to_dataset(fits, draws, mock).assign_attrs(seconds_draw=seconds_draw)

    @cache  # noqa: B019, a task lives as long as its job
    def _drawer(self, settings: tuple[Setting, ...]) -> Drawer:
        cell = self._cell
        return Drawer(
            self.model,
            self._make_guide,
            self._data,
            tuple(cell["seeds"]),
            settings,
            cell["num_draws"],
            self._problem.derived,
        )

    def _add_findings(self, new: list[Finding]) -> None:
        self._findings.extend(new)
        for finding in new:
            self._report(f"guide check: {finding}")


def describe_cell(
    dataset: xr.Dataset, cell: Mapping[str, Any], settings: tuple[Setting, ...], **attrs: Any
) -> xr.Dataset:
    """The dataset with its coordinates, and with what all fits of the cell share."""
    coords = {
        "seed": list(cell["seeds"]),
        "step_size": ("setting", [setting.step_size for setting in settings]),
        "schedule": ("setting", [setting.schedule for setting in settings]),
    }
    return identify(dataset.assign_coords(coords), cell).assign_attrs(
        num_draws=cell["num_draws"],
        optimizer=cell["optimizer"]["name"],
        device=jax.devices()[0].device_kind,
        versions=json.dumps({name: importlib.metadata.version(name) for name in PACKAGES}),
        **attrs,
    )


def identify(dataset: xr.Dataset, cell: Mapping[str, Any]) -> xr.Dataset:
    return dataset.assign_attrs({name: cell[name] for name in IDENTITY})
