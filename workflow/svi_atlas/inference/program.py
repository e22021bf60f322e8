"""The pure functions of a cell: `init` makes the state before the first step, `advance` does steps.

All fits of a cell are one program: a scan over the steps of a `vmap` over seeds of a `vmap` over
settings. A setting is a schedule of step sizes; the step size of each step is data, so that schedules
share the program. The random numbers of a step depend on the seed alone, so the settings of a seed share
them and they are made once. Each replica equals `SVI.run(PRNGKey(seed), num_steps, data)` with the
optimiser given the same schedule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, UInt32
from numpyro.infer import SVI, Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO
from numpyro.infer.svi import SVIState

from svi_atlas.inference.acceleration.cached_noise import CacheBaseNoise
from svi_atlas.inference.acceleration.hoist import largest_array, split_by_key
from svi_atlas.inference.nonfinite import NonFinite, mean_of_finite
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.parameters import constrain_function
from svi_atlas.inference.parts import Part

MAX_BLOCK = 50
"""Largest number of steps whose random numbers are made at once, ahead of the steps."""

MAX_AHEAD = 2**26
"""Upper limit on the elements of any array made for a block of steps; beyond it the block is shortened."""


LOSSES = {loss.__name__: loss for loss in (Trace_ELBO, TraceMeanField_ELBO, TraceGraph_ELBO)}
"""NumPyro's estimators of the negative ELBO by name."""


@dataclass(frozen=True)
class CellProgram:
    """What a cell fits and how. Each function below traces a new guide, since autoguides keep state.

    loss: one of LOSSES.
    stable: whether a step whose loss or gradient is not finite is left out, as `SVI.stable_update` does.
    """

    model: Callable
    make_guide: Callable[[], Callable]
    num_particles: int
    optimizer: Optimizer
    stable: bool = False
    loss: str = "Trace_ELBO"


class CellState(NamedTuple):
    """State of all fits between two steps.

    optim_state: the optimiser's, a pytree of (seed, setting, *shape); key: of the next step, (seed, 2).
    """

    optim_state: PyTree
    key: UInt32[Array, "seed 2"]


class Snapshots(NamedTuple):
    """What is kept of all fits at each snapshot, pytrees of (snapshot, seed, setting, *shape).

    unconstrained, constrained: the parameters; nonfinite: non-finite losses since the last snapshot.
    """

    unconstrained: PyTree
    constrained: PyTree
    nonfinite: NonFinite


class Step(NamedTuple):
    """One step of all fits, split into its random numbers and the rest.

    noise: from the key of one seed; finish(noise, optim_state, step_sizes): the next state of the
    optimiser and the losses, with the step sizes of this step, each (seed, setting); max_elements: elements of the largest array that is made
    for the noise of all seeds.
    """

    noise: Callable
    finish: Callable
    max_elements: int


def init(
    program: CellProgram,
    keys: UInt32[Array, "seed 2"],
    num_settings: int,
    data: Mapping[str, Any],
) -> tuple[CellState, PyTree]:
    """The state before the first step, and its unconstrained parameters (seed, setting, *shape)."""
    init_one_seed = partial(_init_seed, program, program.make_guide(), data)
    optim_state, key, start = jax.vmap(init_one_seed)(keys)

    def repeat(leaf):
        """(seed, setting, *shape) from (seed, *shape)."""
        shape = (leaf.shape[0], num_settings, *leaf.shape[1:])
        return jnp.broadcast_to(leaf[:, None], shape)

    optim_state, start = jax.tree.map(repeat, (optim_state, start))
    return CellState(optim_state, key), start


def start_at(program: CellProgram, state: CellState, unconstrained: PyTree) -> CellState:
    """The state before the first step of fits that start at given parameters.

    unconstrained: a pytree of (seed, setting, *shape).
    """
    optimizer = program.optimizer.make(0.0)
    return state._replace(optim_state=jax.vmap(jax.vmap(optimizer.init))(unconstrained))


def advance(
    program: CellProgram,
    state: CellState,
    step_sizes: Float[Array, "step seed setting"],
    data: Mapping[str, Any],
    part: Part,
    loss_stride: int,
) -> tuple[CellState, Float[Array, "snapshot loss seed setting"], Snapshots]:
    """Do the steps of a part.

    Parameters
    ----------
    program, state, data
        The cell, its state, and the arrays of the data by name.
    step_sizes
        The step size of each step of the part, (step, seed, setting).
    part
        The steps to do, and the snapshots among them.
    loss_stride
        Steps that a loss is averaged over; it divides the stride of the part.

    Returns
    -------
    state
        After the last step.
    losses
        Negative ELBO estimates in nats, (snapshot, stride / loss_stride, seed, setting).
    snapshots
        The parameters at each snapshot.
    """
    guide = program.make_guide()
    svi = _make_svi(program, guide, 0.0)
    constrain = constrain_function(svi, data)
    step = _split_step(partial(_update, program, guide, constrain, data), state, step_sizes[0])
    block = _block_length(step, part.stride)

    def advance_to_snapshot(state, step_sizes):
        state, losses = jax.lax.scan(partial(_advance_block, step), state, step_sizes)
        losses = losses.reshape(part.stride, *losses.shape[2:])
        nonfinite = NonFinite.among(losses)
        unconstrained = jax.vmap(jax.vmap(svi.optim.get_params))(state.optim_state)
        constrained = jax.vmap(jax.vmap(constrain))(unconstrained)
        snapshot = Snapshots(unconstrained, constrained, nonfinite)
        return state, (_average_losses(losses, loss_stride), snapshot)

    shape = (part.num_snapshots, part.stride // block, block, *step_sizes.shape[1:])
    state, (losses, snapshots) = jax.lax.scan(advance_to_snapshot, state, step_sizes.reshape(shape))
    return state, losses, snapshots


def _make_svi(program: CellProgram, guide: Callable, step_size) -> SVI:
    optimizer = program.optimizer.make(step_size)
    loss = LOSSES[program.loss](num_particles=program.num_particles)
    return SVI(program.model, CacheBaseNoise(guide), optimizer, loss)


def _init_seed(program: CellProgram, guide: Callable, data, key):
    """(state of the optimiser, next key, unconstrained parameters) of one seed."""
    svi = _make_svi(program, guide, 0.0)
    state = svi.init(key, data)
    if state.mutable_state is not None:
        raise TypeError("mutable sites (numpyro.mutable) are not supported")
    return state.optim_state, state.rng_key, svi.optim.get_params(state.optim_state)


def _update(program: CellProgram, guide: Callable, constrain, data, key, optim_state, step_size):
    """One step of one fit, as SVI does it: the next state of the optimiser and the loss."""
    svi = _make_svi(program, guide, step_size)
    svi.constrain_fn = constrain
    update = svi.stable_update if program.stable else svi.update
    new, loss = update(SVIState(optim_state, None, key), data)
    return new.optim_state, loss


def _split_step(update: Callable, state: CellState, step_sizes: jax.Array) -> Step:
    """Split the update of one fit, and batch what is not noise over seeds and settings."""
    one_fit = jax.tree.map(lambda leaf: leaf[0, 0], state.optim_state)
    noise, finish = split_by_key(update, state.key[0], one_fit, step_sizes[0, 0])
    finish_cell = jax.vmap(jax.vmap(finish, in_axes=(None, 0, 0)))
    return Step(noise, finish_cell, largest_array(noise, state.key[0]) * len(state.key))


def _block_length(step: Step, stride: int) -> int:
    """Steps whose random numbers are made at once: a divisor of the stride."""
    max_length = min(MAX_BLOCK, max(1, MAX_AHEAD // max(step.max_elements, 1)))
    return max(size for size in range(1, max_length + 1) if stride % size == 0)


def _advance_block(step: Step, state: CellState, step_sizes: jax.Array):
    """Make the random numbers of the steps of a block, then do these steps.

    step_sizes: (step, seed, setting).
    """
    key, keys = jax.lax.scan(_next_key, state.key, None, length=len(step_sizes))
    optim_state, losses = jax.lax.scan(
        lambda optim_state, inputs: step.finish(inputs[0], optim_state, inputs[1]),
        state.optim_state,
        (jax.vmap(jax.vmap(step.noise))(keys), step_sizes),
    )
    return CellState(optim_state, key), losses


def _next_key(key: jax.Array, _):
    """The keys (seed, 2) that SVI.update hands on, and those it uses."""
    return jax.vmap(jax.random.split)(key)[:, 0], key


def _average_losses(losses: jax.Array, stride: int) -> jax.Array:
    """Means over `stride` steps each, (step / stride, seed, setting) from (step, seed, setting)."""
    blocks = losses.reshape(len(losses) // stride, stride, *losses.shape[1:])
    return blocks[:, 0] if stride == 1 else mean_of_finite(blocks)
