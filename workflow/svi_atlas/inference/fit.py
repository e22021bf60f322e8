"""Batched SVI: the one place that runs an optimiser."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PyTree

from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.keys import replica_key
from svi_atlas.inference.model_error import compile_program
from svi_atlas.inference.parameters import flatten_params
from svi_atlas.inference.program import CellProgram, CellState, Snapshots, advance, init
from svi_atlas.inference.progress import Progress
from svi_atlas.inference.schedule import Part, choose_loss_stride, plan_parts, snapshot_steps

AVERAGE_SHARE = 0.25
"""Share of the steps, from the end, that the iterate average covers."""


@dataclass(frozen=True)
class Fits:
    """All fits of a cell; arrays lead with (seed, step_size).

    loss: negative ELBO estimates, nats; means of the finite ones among loss_stride steps each, NaN
        where none is finite.
    nonfinite: share of the steps whose loss is not finite; first_nonfinite: the first of them, counted
        from 1, NaN where there is none.
    snapshot_step: steps done at each snapshot.
    unconstrained, path: parameters at the snapshots by name, unconstrained and constrained,
        (seed, step_size, snapshot, *shape).
    iterates: unconstrained parameters, (iterate, seed, step_size, *shape): after the last step, and
        the mean of the snapshots of the last AVERAGE_SHARE of the steps (Polyak-Ruppert).
    seconds_compile, seconds_run: time spent in each.
    """

    loss: Float[np.ndarray, "seed step_size loss"]
    loss_stride: int
    nonfinite: Float[np.ndarray, "seed step_size"]
    first_nonfinite: Float[np.ndarray, "seed step_size"]
    snapshot_step: Int[np.ndarray, " snapshot"]
    unconstrained: dict[str, Float[np.ndarray, "seed step_size snapshot ..."]]
    path: dict[str, Float[np.ndarray, "seed step_size snapshot ..."]]
    iterates: PyTree[Float[np.ndarray, "2 seed step_size ..."]]
    seconds_compile: float
    seconds_run: float


@accelerated()
def fit_cell(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    *,
    num_particles: int,
    step_sizes: tuple[float, ...],
    seeds: tuple[int, ...],
    num_steps: int,
    optimizer: str = "Adam",
    num_snapshots: int = 1000,
    max_stored_bytes: float = 64e6,
    report: Callable[[str], None] = lambda line: None,
    checkpoint: Checkpoint | None = None,
    at_start: Callable[[Any], None] = lambda unconstrained: None,
) -> Fits:
    """Fit every (seed, step size) of a cell.

    Parameters
    ----------
    model, make_guide
        The model, and a function that makes the guide afresh.
    data
        Arrays by name, handed to model and guide as their one argument.
    num_particles
        Draws of the guide per step and estimate of the ELBO.
    step_sizes, seeds
        The fits are their product.
    num_steps
        Steps of each fit.
    optimizer
        Name of a NumPyro optimiser.
    num_snapshots
        Number of times at which the parameters are kept.
    max_stored_bytes
        Upper limit on the bytes of the losses, and separately of the snapshots; beyond it losses are
        averaged over blocks of steps, and fewer snapshots are kept.
    report
        Receives one progress line per part of the run.
    checkpoint
        Saved to, and resumed from.
    at_start
        Called before the first step with the unconstrained parameters, a pytree of (seed, step_size,
        *shape).

    Raises
    ------
    ModelError
        If the model or the guide raises.
    """
    program = CellProgram(model, make_guide, num_particles, optimizer)
    arrays = {name: jnp.asarray(value) for name, value in data.items()}
    keys = jnp.stack([replica_key(seed) for seed in seeds])
    cell = _compile_cell(
        program, keys, jnp.asarray(step_sizes, jnp.float32), arrays,
        num_steps, num_snapshots, max_stored_bytes,
    )  # fmt: skip
    at_start(cell.start)
    started = time.perf_counter()
    progress = _run(cell, checkpoint, report)
    return _collect(cell, progress, time.perf_counter() - started)


@accelerated()
def fit_data_sets(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    data_sets: Mapping[str, Any],
    *,
    num_particles: int,
    step_size: float,
    seeds: tuple[int, ...],
    num_steps: int,
    optimizer: str = "Adam",
) -> PyTree[Float[np.ndarray, "data_set ..."]]:
    """Fit one guide to many data sets in one program.

    Fit i equals SVI.run(PRNGKey(seeds[i]), num_steps, data set i).

    Parameters
    ----------
    model, make_guide
        The model, and a function that makes the guide afresh.
    data
        Arrays by name, shared by all data sets.
    data_sets
        Arrays (data_set, *shape) by name, which replace those of their name.
    num_particles, step_size, num_steps, optimizer
        Settings of all fits.
    seeds
        One per data set.

    Returns
    -------
    The unconstrained parameters after the last step, a pytree of (data_set, *shape).

    Raises
    ------
    ModelError
        If the model or the guide raises.
    """
    program = CellProgram(model, make_guide, num_particles, optimizer)
    step_sizes = jnp.asarray([step_size], jnp.float32)

    def fit(key, data_set, data):
        all_data = {**data, **data_set}
        state, _ = init(program, key[None], step_sizes, all_data)
        whole_run = Part(num_snapshots=1, stride=num_steps)
        _, _, snapshots = advance(program, state, step_sizes, all_data, whole_run, num_steps)
        return jax.tree.map(lambda leaf: leaf[0, 0, 0], snapshots.unconstrained)

    keys = jax.vmap(replica_key)(jnp.asarray(seeds, jnp.uint32))
    arrays, sets = ({k: jnp.asarray(v) for k, v in each.items()} for each in (data, data_sets))
    fit_all, _ = compile_program(jax.jit(jax.vmap(fit, in_axes=(0, 0, None))), keys, sets, arrays)
    return jax.tree.map(np.asarray, fit_all(keys, sets, arrays))


class _CompiledCell(NamedTuple):
    """A cell before its first step: its state, its unconstrained parameters, and its programs.

    advance: does one part, (state, part) -> (state, losses, snapshots); snapshot_shapes: of a part.
    """

    state: CellState
    start: Any
    parts: list[Part]
    loss_stride: int
    shape: tuple[int, int]
    advance: Callable[[CellState, Part], tuple[CellState, Any, Snapshots]]
    snapshot_shapes: Snapshots
    seconds_compile: float

    @property
    def num_steps(self) -> int:
        return sum(part.num_steps for part in self.parts)


def _compile_cell(
    program, keys, step_sizes, data, num_steps, num_snapshots, max_stored_bytes
) -> _CompiledCell:
    started = time.perf_counter()
    init_cell, _ = compile_program(jax.jit(partial(init, program)), keys, step_sizes, data)
    state, start = init_cell(keys, step_sizes, data)
    # Adam keeps three numbers per parameter.
    parameter_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state.optim_state)) / 3
    parts = plan_parts(num_steps, num_snapshots, parameter_bytes, max_stored_bytes)
    loss_bytes = 4 * num_steps * len(keys) * len(step_sizes)
    loss_stride = choose_loss_stride(parts, loss_bytes / max_stored_bytes)
    jitted = jax.jit(partial(advance, program), static_argnums=(3, 4))
    compiled = {
        part: compile_program(jitted, state, step_sizes, data, part, loss_stride)
        for part in set(parts)
    }
    _, (_, _, snapshot_shapes) = compiled[parts[0]]
    return _CompiledCell(
        state,
        start,
        parts,
        loss_stride,
        (len(keys), len(step_sizes)),
        lambda state, part: compiled[part][0](state, step_sizes, data),
        snapshot_shapes,
        time.perf_counter() - started,
    )


def _run(
    cell: _CompiledCell, checkpoint: Checkpoint | None, report: Callable[[str], None]
) -> Progress:
    """Do all parts, or those that a checkpoint does not have yet."""
    started = time.perf_counter()
    losses = np.empty((cell.num_steps // cell.loss_stride, *cell.shape), np.float32)
    progress = Progress.start(cell.state, losses, cell.parts, cell.snapshot_shapes)
    if checkpoint is not None:
        progress = checkpoint.load(progress) or progress
    resumed = progress.num_parts
    for part in cell.parts[resumed:]:
        progress = progress.extend(part, *cell.advance(progress.state, part))
        if checkpoint is not None and progress.num_parts < len(cell.parts):
            checkpoint.save(progress)
        report(progress.line(cell.parts, resumed, time.perf_counter() - started))
    return progress


def _collect(cell: _CompiledCell, progress: Progress, seconds_run: float) -> Fits:
    """The finished run with seed and step size first."""
    unconstrained, constrained, nonfinite = jax.tree.map(
        lambda leaf: np.moveaxis(leaf, 0, 2), progress.snapshots
    )
    snapshot_step = snapshot_steps(cell.parts)
    window = snapshot_step > (1 - AVERAGE_SHARE) * cell.num_steps
    return Fits(
        loss=np.moveaxis(progress.losses, 0, -1),
        loss_stride=cell.loss_stride,
        nonfinite=nonfinite.count.sum(-1) / cell.num_steps,
        first_nonfinite=nonfinite.first_step(snapshot_step),
        snapshot_step=snapshot_step,
        unconstrained=flatten_params(unconstrained),
        path=flatten_params(constrained),
        iterates=jax.tree.map(
            lambda leaf: np.stack([leaf[:, :, -1], leaf[:, :, window].mean(2)]), unconstrained
        ),
        seconds_compile=cell.seconds_compile,
        seconds_run=seconds_run,
    )
