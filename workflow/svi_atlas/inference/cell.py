"""A cell from start to end: check its guide, fit it, draw from its fitted guides."""

from __future__ import annotations

import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.dataset import to_dataset
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.guide_check import Finding, check_guide, check_support, raise_errors
from svi_atlas.inference.guides import guide_factory, is_point
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.predictive import mock_data
from svi_atlas.inference.schedules import schedules_of, settings_of
from svi_atlas.records import Problem

PACKAGES = ("jax", "jaxlib", "numpyro", "numpy")
"""Packages whose versions are kept with the fits."""

Report = Callable[[str], None]


@accelerated()
def fit_and_draw(
    problem: Problem,
    cell: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    autoguide: Mapping[str, Any] | None,
    num_snapshots: int,
    max_stored_mb: int | float,
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
    num_snapshots, max_stored_mb
        What is kept of each fit: see `fit_cell`.
    report
        Receives progress lines and what is wrong with the guide.
    checkpoint
        Saved to, and resumed from.

    Returns
    -------
    The dataset of `to_dataset` with the coordinates `seed`, and `step_size` and `schedule` of each setting; without variables, and with the
    attribute `message`, if the model or the guide raised.
    """
    findings: list[Finding] = []
    try:
        dataset = _fit_and_draw(
            problem,
            cell,
            data,
            findings,
            autoguide,
            num_snapshots,
            max_stored_mb,
            report,
            checkpoint,
        )
    except ModelError as error:
        report(f"failed: {error}")
        dataset = xr.Dataset(attrs={"message": str(error)})
    settings = settings_of(cell["schedules"], cell["step_sizes"])
    coords = {
        "seed": list(cell["seeds"]),
        "step_size": ("setting", [setting.step_size for setting in settings]),
        "schedule": ("setting", [setting.schedule for setting in settings]),
    }
    return dataset.assign_coords(coords).assign_attrs(
        **{name: cell[name] for name in ("experiment", "model", "guide", "block", "label")},
        num_particles=cell["num_particles"],
        num_steps=cell["num_steps"],
        num_draws=cell["num_draws"],
        optimizer=cell["optimizer"]["name"],
        until_arrived=int(cell["until_arrived"]),
        guide_check="; ".join(map(str, findings)),
        device=jax.devices()[0].device_kind,
        versions=json.dumps({name: importlib.metadata.version(name) for name in PACKAGES}),
    )


def require_gpu(experiment: str) -> None:
    """Raise InputError if an experiment that asks for a GPU runs without one."""
    if jax.default_backend() == "cpu":
        raise InputError(
            f"config/experiments/{experiment}.yaml: key 'gpu': JAX finds no GPU here; install "
            "envs/gpu.txt on a machine that has one, or set 'allow_cpu: true' in config/config.yaml"
        )


def _fit_and_draw(
    problem, cell, data, findings, autoguide, num_snapshots, max_stored_mb, report, checkpoint
) -> xr.Dataset:
    """All fits of the cell with their draws; what is wrong with the guide is added to `findings`."""
    model = problem.models[cell["model"]]
    make_guide = guide_factory(problem, cell["model"], cell["guide"], autoguide)
    seeds, step_sizes = tuple(cell["seeds"]), tuple(cell["step_sizes"])
    schedules = {name: schedules_of(problem)[name] for name in cell["schedules"]}
    settings = settings_of(schedules, step_sizes)
    drawer = Drawer(model, make_guide, data, seeds, settings, cell["num_draws"], problem.derived)

    def add_findings(new: list[Finding]) -> None:
        findings.extend(new)
        for finding in new:
            report(f"guide check: {finding}")

    def check_start(unconstrained) -> None:
        """Before the first step all settings are alike; a point has no draws yet."""
        if not is_point(make_guide()):
            log_joint = drawer.log_joint(unconstrained)
            add_findings(check_support(log_joint[:, 0], "at the start"))

    add_findings(check_guide(model, make_guide(), data))
    raise_errors(findings)
    fits = fit_cell(
        model,
        make_guide,
        data,
        num_particles=cell["num_particles"],
        step_sizes=step_sizes,
        seeds=seeds,
        num_steps=cell["num_steps"],
        schedules=schedules,
        optimizer=Optimizer.from_dict(cell["optimizer"]),
        num_snapshots=num_snapshots,
        max_stored_bytes=max_stored_mb * 1e6,
        report=report,
        checkpoint=checkpoint,
        at_start=check_start,
    )
    report(f"compiled in {fits.seconds_compile:.1f} s, ran in {fits.seconds_run:.1f} s")
    started = time.perf_counter()
    draws, mock = drawer(fits.iterates), {}
    if cell["num_mock"]:
        last = jax.tree.map(lambda leaf: leaf[0], fits.iterates)
        mock = mock_data(model, make_guide, data, last, draws, seeds, cell["num_mock"])
    seconds_draw = time.perf_counter() - started
    report(f"drew {cell['num_draws']:,} times from each guide in {seconds_draw:.1f} s")
    return to_dataset(fits, draws, mock).assign_attrs(seconds_draw=seconds_draw)
