"""Batched SVI: the one place that runs an optimiser."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.data import Data, as_arrays
from svi_atlas.inference.keys import replica_key
from svi_atlas.inference.model_error import compile_program
from svi_atlas.inference.optimality import Look
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.parameters import flatten_params
from svi_atlas.inference.parts import (
    Part,
    choose_loss_stride,
    plan_parts,
    plan_rounds,
    snapshot_steps,
)
from svi_atlas.inference.program import (
    CellProgram,
    CellState,
    advance,
    init,
    start_at,
)
from svi_atlas.inference.progress import Progress
from svi_atlas.inference.schedules import Schedule, constant, schedule_factors

AVERAGE_SHARE = 0.25
"""Share of the steps, from the end, that the iterate average covers."""

ADAM = Optimizer()

CONSTANT: Mapping[str, Schedule] = {"constant": constant}

LookAt = Callable[
    [PyTree[Float[np.ndarray, "2 seed setting ..."]], Float[np.ndarray, "seed setting"]], Look
]
"""Looks at fits under way: takes their unconstrained parameters at the last and the averaged iterate, and
the ELBO of the last look, and says which of them stop (`GapCheck.look`)."""


@dataclass(frozen=True)
class Fits:
    """All fits of a cell; arrays lead with (seed, setting).

    loss: negative ELBO estimates, nats; means of the finite ones among loss_stride steps each, NaN
        where none is finite, and after the last step of a fit that stopped before the others.
    nonfinite: share of the steps whose loss is not finite; first_nonfinite: the first of them, counted
        from 1, NaN where there is none.
    steps_used: number of steps of each fit; arrived: whether it stopped because it had arrived.
    snapshot_step: steps done at each snapshot.
    unconstrained, path: parameters at the snapshots by name, unconstrained and constrained,
        (seed, setting, snapshot, *shape); NaN after the last step of a fit.
    iterates: unconstrained parameters, (iterate, seed, setting, *shape): after the last step, and
        the mean of the snapshots of the last AVERAGE_SHARE of the steps (Polyak-Ruppert).
    check_draws: draws that were spent to see whether each fit had arrived.
    seconds_compile, seconds_run: time spent in each.
    """

    loss: Float[np.ndarray, "seed setting loss"]
    loss_stride: int
    nonfinite: Float[np.ndarray, "seed setting"]
    first_nonfinite: Float[np.ndarray, "seed setting"]
    steps_used: Int[np.ndarray, "seed setting"]
    arrived: Bool[np.ndarray, "seed setting"]
    snapshot_step: Int[np.ndarray, " snapshot"]
    unconstrained: dict[str, Float[np.ndarray, "seed setting snapshot ..."]]
    path: dict[str, Float[np.ndarray, "seed setting snapshot ..."]]
    iterates: PyTree[Float[np.ndarray, "2 seed setting ..."]]
    check_draws: Int[np.ndarray, "seed setting"]
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
    schedules: Mapping[str, Schedule] = CONSTANT,
    optimizer: Optimizer = ADAM,
    loss: str = "Trace_ELBO",
    look_at: LookAt | None = None,
    start: Callable[[Any], Any] | None = None,
    num_snapshots: int = 1000,
    max_stored_bytes: float = 64e6,
    report: Callable[[str], None] = lambda line: None,
    checkpoint: Checkpoint | None = None,
    at_start: Callable[[Any], None] = lambda unconstrained: None,
) -> Fits:
    """Fit every seed at every setting of a cell.

    A setting is a schedule with its peak step size; settings are all pairs of the two, the schedules
    varying slowest. The fit of a seed equals `SVI.run(PRNGKey(seed), num_steps, data)` with an optimiser
    whose step size is `lambda step: step_size * schedule(step / num_steps)`.

    Parameters
    ----------
    model, make_guide
        The model, and a function that makes the guide afresh.
    data
        Arrays by name, handed to model and guide as their one argument.
    num_particles
        Draws of the guide per step and estimate of the ELBO.
    step_sizes, seeds
        Peak step sizes of the settings, and seeds.
    num_steps
        Steps of each fit; the most steps where `look_at` is given.
    schedules
        Schedules by name.
    optimizer
        What makes the steps.
    loss
        One of `program.LOSSES`.
    look_at
        If given, says which fits stop. It is asked after rounds of steps, each twice as long as the one
        before: schedules start again with every round, from where the fit is.
    start
        From the parameters at which the fits would start to those at which they start, pytrees of
        (seed, setting, *shape).
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
        Called before the first step with the unconstrained parameters, a pytree of (seed, setting,
        *shape).

    Raises
    ------
    ModelError
        If the model or the guide raises.
    """
    started = time.perf_counter()
    program = CellProgram(model, make_guide, num_particles, optimizer, loss=loss)
    cell = CompiledCell(program, len(seeds), len(schedules) * len(step_sizes), data)
    state, unconstrained = cell.start(seeds)
    if start is not None:
        unconstrained = start(unconstrained)
        state = start_at(program, state, unconstrained)
    plan = (num_steps, num_snapshots, cell.parameter_bytes, max_stored_bytes)
    rounds = [plan_parts(*plan)] if look_at is None else plan_rounds(*plan)
    loss_bytes = 4 * num_steps * len(seeds) * cell.num_settings
    cell.compile_parts(state, rounds, loss_bytes / max_stored_bytes)
    seconds_compile = time.perf_counter() - started
    at_start(unconstrained)
    started = time.perf_counter()
    step_sizes_by_step = tabulate_step_sizes(schedules, step_sizes, rounds)
    progress = cell.run(state, rounds, step_sizes_by_step[:, None], look_at, report, checkpoint)
    return collect(cell, rounds, progress, seconds_compile, time.perf_counter() - started)


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
    schedule: Schedule = constant,
    optimizer: Optimizer = ADAM,
    loss: str = "Trace_ELBO",
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
    num_particles, step_size, num_steps, schedule, optimizer, loss
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
    program = CellProgram(model, make_guide, num_particles, optimizer, loss=loss)
    step_sizes = np.float32(step_size) * schedule_factors(schedule, num_steps)[:, None, None]

    def fit(key, data_set, data, step_sizes):
        all_data = data.replaced(data_set)
        state, _ = init(program, key[None], 1, all_data)
        whole_run = Part(num_snapshots=1, stride=num_steps)
        _, _, snapshots = advance(program, state, step_sizes, all_data, whole_run, num_steps)
        return jax.tree.map(lambda leaf: leaf[0, 0, 0], snapshots.unconstrained)

    keys = jax.vmap(replica_key)(jnp.asarray(seeds, jnp.uint32))
    arrays = as_arrays(Data.for_model(data, model, make_guide()))
    sets = {name: jnp.asarray(value) for name, value in data_sets.items()}
    arguments = (keys, sets, arrays, jnp.asarray(step_sizes))
    fit_all, _ = compile_program(jax.jit(jax.vmap(fit, in_axes=(0, 0, None, None))), *arguments)
    return jax.tree.map(np.asarray, fit_all(*arguments))


def tabulate_step_sizes(
    schedules: Mapping[str, Schedule], step_sizes: Sequence[float], rounds: Sequence[Sequence[Part]]
) -> Float[np.ndarray, "step setting"]:
    """The step size of every step at every setting; each round is a schedule of its own."""
    lengths = [sum(part.num_steps for part in parts) for parts in rounds]
    factors = [
        np.concatenate([schedule_factors(schedule, length) for length in lengths])
        for schedule in schedules.values()
    ]
    settings = product(factors, np.asarray(step_sizes, np.float32))
    return np.stack([step_size * factor for factor, step_size in settings], axis=-1)


class CompiledCell:
    """The compiled programs of a cell, for a number of seeds and settings.

    num_seeds, num_settings: the fits that are run side by side.
    parameter_bytes: of the unconstrained parameters of all of them.
    loss_stride: steps that a loss is averaged over, once the parts are compiled.
    """

    def __init__(
        self, program: CellProgram, num_seeds: int, num_settings: int, data: Mapping[str, Any]
    ):
        self.num_settings = num_settings
        self.loss_stride = 1
        self._program = program
        self._data = as_arrays(data)
        jitted = jax.jit(partial(init, program), static_argnums=1)
        keys = jnp.zeros((num_seeds, 2), jnp.uint32)
        self._init, (_, unconstrained) = compile_program(jitted, keys, num_settings, self._data)
        self.parameter_bytes = sum(
            leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(unconstrained)
        )
        self._parts: dict[Part, Any] = {}

    def start(self, seeds: Sequence[int] | np.ndarray) -> tuple[CellState, PyTree]:
        """The state before the first step, and its unconstrained parameters (seed, setting, *shape)."""
        return self._init(jnp.stack([replica_key(int(seed)) for seed in seeds]), self._data)

    def compile_parts(
        self, state: CellState, rounds: Sequence[Sequence[Part]], min_loss_stride: float
    ) -> None:
        """Compile what `run` needs for these rounds.

        Parameters
        ----------
        state
            The state before the first step, for its shapes.
        rounds
            Parts of each round.
        min_loss_stride
            Number of steps that a loss must be averaged over at least.
        """
        parts = list(chain.from_iterable(rounds))
        self.loss_stride = choose_loss_stride(parts, min_loss_stride)
        jitted = jax.jit(partial(advance, self._program), static_argnums=(3, 4))
        fits = (len(state.key), self.num_settings)
        for part in set(parts):
            step_sizes = jnp.zeros((part.num_steps, *fits), jnp.float32)
            arguments = (state, step_sizes, self._data, part, self.loss_stride)
            self._parts[part], (_, _, self.snapshot_shapes) = compile_program(jitted, *arguments)

    def run(
        self,
        state: CellState,
        rounds: Sequence[Sequence[Part]],
        step_sizes: Float[np.ndarray, "step _ setting"],
        look_at: LookAt | None = None,
        report: Callable[[str], None] = lambda line: None,
        checkpoint: Checkpoint | None = None,
    ) -> Progress:
        """Do the parts of all rounds, or those that a checkpoint does not have yet.

        Stops after the round in which the last fit arrived. `step_sizes` are (step, seed, setting), or
        (step, 1, setting) where they are the same for all seeds.
        """
        started = time.perf_counter()
        parts = list(chain.from_iterable(rounds))
        ends = np.cumsum([len(round_) for round_ in rounds])
        fits = (len(state.key), self.num_settings)
        num_losses = sum(part.num_steps for part in parts) // self.loss_stride
        losses = np.empty((num_losses, *fits), np.float32)
        progress = Progress.start(state, losses, parts, self.snapshot_shapes)
        if checkpoint is not None:
            progress = checkpoint.load(progress) or progress
        resumed = progress.num_parts
        for part in parts[resumed:]:
            if progress.all_stopped:
                break
            begin = progress.num_steps
            rates = np.broadcast_to(
                step_sizes[begin : begin + part.num_steps], (part.num_steps, *fits)
            )
            new = self._parts[part](progress.state, jnp.asarray(rates), self._data)
            progress = progress.extend(part, *new)
            if look_at is not None and progress.num_parts in ends:
                progress.stop(look_at(iterates_at(parts, progress), progress.elbo))
            if checkpoint is not None and progress.num_parts < len(parts):
                checkpoint.save(progress)
            report(progress.line(parts, resumed, time.perf_counter() - started))
        return progress


def iterates_at(parts: Sequence[Part], progress: Progress) -> PyTree:
    """The last and the averaged iterate of fits that have done the same steps, (2, seed, setting, *shape)."""
    steps = snapshot_steps(parts)[: progress.num_snapshots]
    window = steps > (1 - AVERAGE_SHARE) * progress.num_steps
    return jax.tree.map(
        lambda leaf: np.stack([leaf[len(steps) - 1], leaf[: len(steps)][window].mean(0)]),
        progress.snapshots.unconstrained,
    )


def collect(
    cell: CompiledCell,
    rounds: Sequence[Sequence[Part]],
    progress: Progress,
    seconds_compile: float,
    seconds_run: float,
) -> Fits:
    """The finished run with seed and setting first."""
    parts = list(chain.from_iterable(rounds))
    steps = snapshot_steps(parts)[: progress.num_snapshots]
    steps_used = np.where(progress.steps_used > 0, progress.steps_used, progress.num_steps)
    done = steps <= steps_used[..., None]
    unconstrained, constrained, nonfinite = jax.tree.map(
        lambda leaf: np.moveaxis(leaf[: len(steps)], 0, 2), progress.snapshots
    )
    nonfinite = nonfinite._replace(count=nonfinite.count * done)
    loss = np.moveaxis(progress.losses[: progress.num_losses], 0, -1)
    loss_step = cell.loss_stride * (1 + np.arange(loss.shape[-1]))
    return Fits(
        loss=np.where(loss_step <= steps_used[..., None], loss, np.nan),
        loss_stride=cell.loss_stride,
        nonfinite=nonfinite.count.sum(-1) / steps_used,
        first_nonfinite=nonfinite.first_step(steps),
        steps_used=steps_used,
        arrived=progress.steps_used > 0,
        snapshot_step=steps,
        unconstrained=_blank(flatten_params(unconstrained), done),
        path=_blank(flatten_params(constrained), done),
        iterates=jax.tree.map(partial(_iterates, steps, steps_used), unconstrained),
        check_draws=progress.check_draws,
        seconds_compile=seconds_compile,
        seconds_run=seconds_run,
    )


def _iterates(steps: np.ndarray, steps_used: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The last and the averaged iterate of each fit, (2, seed, setting, *shape).

    values: (seed, setting, snapshot, *shape).
    """
    iterates = np.empty((2, *values.shape[:2], *values.shape[3:]), values.dtype)
    for used in np.unique(steps_used):
        fits = steps_used == used
        window = (steps > (1 - AVERAGE_SHARE) * used) & (steps <= used)
        iterates[0][fits] = values[:, :, window][:, :, -1][fits]
        iterates[1][fits] = values[:, :, window].mean(2)[fits]
    return iterates


def _blank(parameters: dict[str, np.ndarray], done: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters by name with NaN at snapshots after the last step of a fit."""
    return {
        name: np.where(done.reshape(*done.shape, *[1] * (values.ndim - 3)), values, np.nan)
        for name, values in parameters.items()
    }
