"""Fits a cell and draws from its fitted guides."""

import importlib.metadata
import json
import sys
import time
from typing import Any

import jax
import numpy as np
import xarray as xr

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.acceleration import fast_random
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.draws import Drawer, Draws, mock_data
from svi_atlas.inference.fit import Fits, ModelError, fit_cell, flat
from svi_atlas.inference.guide_check import Finding, check_guide, check_support, raise_errors
from svi_atlas.inference.guides import guide_factory, is_point
from svi_atlas.jobs.job import Job
from svi_atlas.results import store


@fast_random.enabled()
def run(job: Job) -> None:
    spec, cell = job.spec, job.spec["cell"]
    if spec["gpu"] and jax.default_backend() == "cpu":
        raise InputError(
            f"config/experiments/{spec['experiment']}.yaml: key 'gpu': JAX finds no GPU here; install "
            "envs/gpu.txt on a machine that has one, or set 'allow_cpu: true' in config/config.yaml"
        )
    data = store.read_arrays(job.inputs["data"])
    checkpoint = Checkpoint(job.scratch["checkpoint"], job.spec_text)
    findings: list[Finding] = []
    try:
        dataset = _fit_and_draw(spec, data, checkpoint, findings)
    except ModelError as error:
        _report(f"failed: {error}")
        dataset = xr.Dataset(attrs={"message": str(error)})
    coords = {"step_size": cell["step_sizes"], "seed": cell["seeds"]}
    dataset = dataset.assign_coords(coords).assign_attrs(
        **{name: cell[name] for name in ("experiment", "model", "guide", "block", "label")},
        num_particles=cell["num_particles"],
        num_steps=cell["num_steps"],
        num_draws=cell["num_draws"],
        guide_check="; ".join(map(str, findings)),
        device=jax.devices()[0].device_kind,
        versions=_versions(),
    )
    store.write_dataset(dataset, job.outputs["dataset"], job.spec_text)
    checkpoint.remove()


def _fit_and_draw(
    spec: dict[str, Any],
    data: dict[str, np.ndarray],
    checkpoint: Checkpoint,
    findings: list[Finding],
) -> xr.Dataset:
    """All fits of the cell with their draws; what is wrong with the guide is added to `findings`.

    Raises ModelError if the model or the guide raises, or the guide does not fit the model.
    """
    cell = spec["cell"]
    problem = problems.load(spec["problem"])
    model = problem.models[cell["model"]]
    make_guide = guide_factory(problem, cell["model"], cell["guide"], spec["autoguide"])
    seeds = tuple(cell["seeds"])
    drawer = Drawer(
        model,
        make_guide,
        data,
        seeds,
        tuple(cell["step_sizes"]),
        cell["num_draws"],
        problem.derived,
    )

    def found(more: list[Finding]) -> None:
        findings.extend(more)
        for finding in more:
            _report(f"guide check: {finding}")

    def at_start(unconstrained) -> None:
        """Before the first step all step sizes are alike; a point has no draws yet."""
        if not is_point(make_guide()):
            found(check_support(drawer.log_joint(unconstrained)[:, 0], "at the start"))

    found(check_guide(model, make_guide(), data))
    raise_errors(findings)
    fits = fit_cell(
        model,
        make_guide,
        data,
        num_particles=cell["num_particles"],
        step_sizes=tuple(cell["step_sizes"]),
        seeds=seeds,
        num_steps=cell["num_steps"],
        optimizer=cell["optimizer"],
        num_snapshots=spec["num_snapshots"],
        max_stored_bytes=spec["max_stored_mb"] * 1e6,
        report=_report,
        checkpoint=checkpoint,
        at_start=at_start,
    )
    _report(f"compiled in {fits.seconds_compile:.1f} s, ran in {fits.seconds_run:.1f} s")
    started = time.perf_counter()
    draws, mock = drawer(fits.iterates), {}
    if cell["num_mock"]:
        last = jax.tree.map(lambda leaf: leaf[0], fits.iterates)
        mock = mock_data(model, make_guide, data, last, draws, seeds, cell["num_mock"])
    seconds_draw = time.perf_counter() - started
    _report(f"drew {cell['num_draws']:,} times from each guide in {seconds_draw:.1f} s")
    return to_dataset(fits, draws, mock).assign_attrs(seconds_draw=seconds_draw)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _versions() -> str:
    names = ("jax", "jaxlib", "numpyro", "numpy")
    return json.dumps({name: importlib.metadata.version(name) for name in names})


def to_dataset(fits: Fits, draws: Draws, mock: dict[str, np.ndarray]) -> xr.Dataset:
    """Arrays with dimensions in the order the diagnostics read them."""
    fit = ("seed", "step_size")
    of_loss = {"units": "nats", "stride": fits.loss_stride}
    variables: dict[str, Any] = {"loss": ((*fit, "step"), fits.loss, of_loss)}
    for name in ("nonfinite", "first_nonfinite"):
        variables[name] = (fit, getattr(fits, name))
    for prefix, arrays in (("unconstrained", fits.unconstrained), ("path", fits.path)):
        for name, values in arrays.items():
            own = f"unconstrained_{name}" if prefix == "unconstrained" else name
            dims = (*fit, "snapshot", *_own_dims(own, values.ndim - 3))
            variables[f"{prefix}.{name}"] = (dims, values)
    for name, values in flat(draws.params).items():
        variables[f"param.{name}"] = (("iterate", *fit, *_own_dims(name, values.ndim - 3)), values)
    for name, values in draws.derived.items():
        variables[f"derived.{name}"] = (("iterate", *fit), values)
    for name, values in draws.sites.items():
        dims = ("iterate", *fit, "draw", *_own_dims(name, values.ndim - 4))
        variables[f"site.{name}"] = (dims, values)
    for name in ("log_joint", "log_guide"):
        values = getattr(draws, name)
        variables[name] = (("iterate", *fit, "draw"), values, {"units": "nats"})
    for name in ("elbo_gap", "elbo_gap_se", "step_kl", "step_kl_se"):
        variables[name] = (("iterate", *fit), getattr(draws, name), {"units": "nats"})
    for name, values in mock.items():
        dims = (*fit, "mock", *_own_dims(name, values.ndim - 3))
        variables[name] = (dims, values)
    coords = {
        "iterate": np.array(["last", "averaged"], dtype=object),
        "snapshot_step": ("snapshot", fits.snapshot_step),
    }
    seconds = {"seconds_compile": fits.seconds_compile, "seconds_run": fits.seconds_run}
    return xr.Dataset(
        variables, coords, {**seconds, "guide_factors": ", ".join(draws.guide_factors)}
    )


def _own_dims(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{axis}" for axis in range(count))
