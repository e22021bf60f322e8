"""Batched SVI: the one place that runs an optimiser.

All fits of a cell are one program: a scan over the steps of a `vmap` over seeds of a `vmap` over
step sizes. The random numbers of a step depend on the seed alone, so the step sizes of a seed share
them and they are made once. Each replica equals `SVI.run(PRNGKey(seed), num_steps, data)`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.svi import SVIState

from svi_atlas.inference.acceleration import fast_random
from svi_atlas.inference.acceleration.cached_noise import CacheBaseNoise
from svi_atlas.inference.acceleration.hoist import largest_array, split_by_key
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.keys import replica_key

CHUNKS = 20
"""Parts a fit is run in, with a progress line and a chance to save after each."""

MAX_BLOCK = 50
"""Largest number of steps whose random numbers are made at once, ahead of the steps."""

MOST_AHEAD = 2**26
"""Most elements of an array that is made for these steps: beyond it they are made for fewer at once."""

AVERAGE_SHARE = 0.25
"""Share of the steps, from the end, that the iterate average covers."""


class ModelError(Exception):
    """The model or the guide raised: a result of the fit, not a fault of the machine."""


@dataclass(frozen=True)
class Fits:
    """All fits of a cell; arrays lead with (seed, step_size).

    loss: (seed, step_size, step), negative ELBO estimates, nats; means of the finite ones among
        loss_stride steps each, NaN if none is.
    nonfinite: (seed, step_size), share of the steps whose loss is not finite; first_nonfinite, the
        first of them, counted from 1, NaN if there is none.
    snapshot_step: (snapshot,), steps done at each snapshot.
    unconstrained, path: parameters at the snapshots by name, unconstrained and constrained,
        (seed, step_size, snapshot, *shape).
    iterates: unconstrained parameters (a pytree), (iterate, seed, step_size, *shape): after the
        last step, and the mean of the snapshots of the last AVERAGE_SHARE of the steps.
    seconds_compile, seconds_run: time spent in each.
    """

    loss: np.ndarray
    loss_stride: int
    nonfinite: np.ndarray
    first_nonfinite: np.ndarray
    snapshot_step: np.ndarray
    unconstrained: dict[str, np.ndarray]
    path: dict[str, np.ndarray]
    iterates: dict[str, Any]
    seconds_compile: float
    seconds_run: float


@fast_random.enabled()
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

    data: arrays by name, handed to model and guide as their one argument.
    max_stored_bytes: most bytes of the losses, and of the snapshots; beyond it losses are averaged over
        blocks of steps, and fewer snapshots are kept.
    report: receives a progress line a chunk. checkpoint: saved to, and resumed from.
    at_start: called before the first step with the unconstrained parameters, a pytree of (seed,
        step_size, *shape).
    Raises ModelError if the model or the guide raises.
    """
    program = _Program(model, make_guide, num_particles, optimizer)
    data = {name: jnp.asarray(value) for name, value in data.items()}
    keys = jnp.stack([replica_key(seed) for seed in seeds])
    rates = jnp.asarray(step_sizes, jnp.float32)

    started = time.perf_counter()
    init, _ = _compiled(jax.jit(program.init), keys, rates, data)
    state, start = init(keys, rates, data)
    parts = _parts(state, num_steps, num_snapshots, max_stored_bytes)
    replicas = len(seeds) * len(step_sizes)
    loss_stride = _loss_stride(parts, 4 * num_steps * replicas / max_stored_bytes)
    jitted = jax.jit(program.advance, static_argnums=(3, 4, 5))
    advance = {
        part: _compiled(jitted, state, rates, data, *part, loss_stride) for part in set(parts)
    }
    seconds_compile = time.perf_counter() - started
    at_start(start)

    started = time.perf_counter()
    shapes = advance[parts[0]][1][2]
    losses = np.empty((num_steps // loss_stride, len(seeds), len(step_sizes)), np.float32)
    progress = _Progress.fresh(state, losses, parts, shapes)
    if checkpoint is not None:
        progress = checkpoint.load(progress) or progress
    resumed = progress.done
    for part in parts[resumed:]:
        progress = progress.extended(part, *advance[part][0](progress.state, rates, data))
        if checkpoint is not None and progress.done < len(parts):
            checkpoint.save(progress)
        report(progress.line(parts, resumed, time.perf_counter() - started))
    seconds_run = time.perf_counter() - started

    unconstrained, constrained, nonfinite = jax.tree.map(
        lambda leaf: np.moveaxis(leaf, 0, 2), progress.snapshots
    )
    snapshot_step = np.cumsum([stride for count, stride in parts for _ in range(count)])
    window = snapshot_step > (1 - AVERAGE_SHARE) * num_steps
    return Fits(
        loss=np.moveaxis(progress.losses, 0, -1),
        loss_stride=loss_stride,
        nonfinite=nonfinite.count.sum(-1) / num_steps,
        first_nonfinite=nonfinite.first_of(snapshot_step),
        snapshot_step=snapshot_step,
        unconstrained=flat(unconstrained),
        path=flat(constrained),
        iterates=jax.tree.map(
            lambda leaf: np.stack([leaf[:, :, -1], leaf[:, :, window].mean(2)]), unconstrained
        ),
        seconds_compile=seconds_compile,
        seconds_run=seconds_run,
    )


@fast_random.enabled()
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
) -> dict[str, Any]:
    """Fit one guide to many data sets in one program.

    data: arrays by name, shared by all data sets; data_sets: arrays (data set, *shape) by name, which
    replace those of their name. Fit i equals SVI.run(PRNGKey(seeds[i]), num_steps, data set i).
    Returns the unconstrained parameters after the last step, a pytree of (data set, *shape). Raises
    ModelError if the model or the guide raises.
    """
    program = _Program(model, make_guide, num_particles, optimizer)
    rates = jnp.asarray([step_size], jnp.float32)

    def fit(key, data_set, data):
        whole = {**data, **data_set}
        state, _ = program.init(key[None], rates, whole)
        _, _, (unconstrained, _, _) = program.advance(state, rates, whole, 1, num_steps, num_steps)
        return jax.tree.map(lambda leaf: leaf[0, 0, 0], unconstrained)

    keys = jax.vmap(replica_key)(jnp.asarray(seeds, jnp.uint32))
    arrays, sets = ({k: jnp.asarray(v) for k, v in each.items()} for each in (data, data_sets))
    fit_all, _ = _compiled(jax.jit(jax.vmap(fit, in_axes=(0, 0, None))), keys, sets, arrays)
    return jax.tree.map(np.asarray, fit_all(keys, sets, arrays))


def constrain_function(svi: SVI, data: Mapping[str, Any]) -> Callable[[dict], dict]:
    """Maps unconstrained to constrained parameters of one fit; call it where its result is traced."""
    svi.init(replica_key(0), data)
    return svi.constrain_fn


def flat(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Parameters by name; a nested one (a flow's network) becomes `name.0.1`, ..."""
    found = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(params))[0]:
        name = ".".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
        found[name] = np.asarray(leaf)
    return found


class _Program:
    """The pure functions of a cell. Each traces a guide of its own, since autoguides keep state."""

    def __init__(self, model, make_guide, num_particles: int, optimizer: str):
        self._model, self._make_guide = model, make_guide
        self._num_particles, self._optimizer = num_particles, optimizer

    def _svi(self, guide, step_size) -> SVI:
        optimizer = getattr(optim, self._optimizer)(step_size=step_size)
        loss = Trace_ELBO(num_particles=self._num_particles)
        return SVI(self._model, CacheBaseNoise(guide), optimizer, loss)

    def init(self, keys, rates, data):
        """Before the first step: the optimiser's state (seed, step_size, ...) with keys (seed, 2), and
        the unconstrained parameters (seed, step_size, *shape)."""
        guide = self._make_guide()

        def one(key):
            svi = self._svi(guide, 0.0)
            state = svi.init(key, data)
            if state.mutable_state is not None:
                raise TypeError("mutable sites (numpyro.mutable) are not supported")
            return state.optim_state, state.rng_key, svi.optim.get_params(state.optim_state)

        def for_every_rate(leaf):
            shape = (leaf.shape[0], rates.shape[0], *leaf.shape[1:])
            return jnp.broadcast_to(leaf[:, None], shape)

        optim_state, key, start = jax.vmap(one)(keys)
        optim_state, start = jax.tree.map(for_every_rate, (optim_state, start))
        return (optim_state, key), start

    def advance(self, state, rates, data, num_snapshots: int, stride: int, loss_stride: int):
        """Do `num_snapshots` times `stride` steps.

        Returns the state, losses (snapshot, stride / loss_stride, seed, step_size), each a mean of
        loss_stride losses; and by snapshot, (snapshot, seed, step_size, ...), the parameters, unconstrained
        and constrained, and what losses since the last one were not finite.
        """
        guide = self._make_guide()
        prepared = self._svi(guide, 0.0)
        constrain = constrain_function(prepared, data)

        def update(key, optim_state, rate):
            svi = self._svi(guide, rate)
            svi.constrain_fn = constrain
            new, loss = svi.update(SVIState(optim_state, None, key), data)
            return new.optim_state, loss

        of_one_fit = jax.tree.map(lambda leaf: leaf[0, 0], state[0])
        noise, finish = split_by_key(update, state[1][0], of_one_fit, rates[0])
        finish_seed = jax.vmap(finish, in_axes=(None, 0, 0))
        finish_cell: Callable = jax.vmap(finish_seed, in_axes=(0, 0, None))
        noise_of_steps = jax.vmap(jax.vmap(noise))
        of_step = largest_array(noise, state[1][0]) * len(state[1])
        most = min(MAX_BLOCK, max(1, MOST_AHEAD // max(of_step, 1)))
        block = max(size for size in range(1, most + 1) if stride % size == 0)

        def next_key(key, _):
            """As SVI.update hands its key on."""
            return jax.vmap(jax.random.split)(key)[:, 0], key

        def to_block(state, _):
            optim_state, key = state
            key, keys = jax.lax.scan(next_key, key, None, length=block)
            optim_state, losses = jax.lax.scan(
                lambda optim_state, noise: finish_cell(noise, optim_state, rates),
                optim_state,
                noise_of_steps(keys),
                length=block,
            )
            return (optim_state, key), losses

        def to_snapshot(state, _):
            state, losses = jax.lax.scan(to_block, state, None, length=stride // block)
            losses = losses.reshape(stride, *losses.shape[2:])
            nonfinite = NonFinite.among(losses)
            losses = losses.reshape(stride // loss_stride, loss_stride, *losses.shape[1:])
            losses = losses[:, 0] if loss_stride == 1 else _mean_of_finite(losses)
            unconstrained = jax.vmap(jax.vmap(prepared.optim.get_params))(state[0])
            constrained = jax.vmap(jax.vmap(constrain))(unconstrained)
            return state, (losses, (unconstrained, constrained, nonfinite))

        state, (losses, parameters) = jax.lax.scan(to_snapshot, state, None, length=num_snapshots)
        return state, losses, parameters


class NonFinite(NamedTuple):
    """Losses that are not finite: how many between two snapshots, and the first step since, from 1."""

    count: Any
    first: Any

    @classmethod
    def among(cls, losses: jax.Array) -> NonFinite:
        """Of losses (step, ...)."""
        bad = ~jnp.isfinite(losses)
        return cls(bad.sum(0), bad.argmax(0) + 1)

    def first_of(self, snapshot_step: np.ndarray) -> np.ndarray:
        """The first step of the run that has one, NaN if none does; count, first: (..., snapshot)."""
        steps = np.append(0, snapshot_step[:-1]) + self.first
        first = np.where(self.count > 0, steps, np.inf).min(-1)
        return np.where(np.isfinite(first), first, np.nan)


def _mean_of_finite(losses: jax.Array) -> jax.Array:
    """Over the second axis; NaN where none is finite."""
    finite = jnp.isfinite(losses)
    return jnp.where(finite, losses, 0.0).sum(1) / jnp.where(finite.any(1), finite.sum(1), jnp.nan)


class _Progress(NamedTuple):
    """What a run has so far, as one pytree of fixed shape, so that a checkpoint can hold it.

    losses: (step / loss_stride, seed, step_size). snapshots: pytree of (snapshot, seed, step_size, *shape).
    done: number of finished parts; steps done; losses_filled, num_snapshots: how far the arrays are.
    """

    state: Any
    losses: np.ndarray
    snapshots: Any
    done: int
    steps: int
    losses_filled: int
    num_snapshots: int

    @classmethod
    def fresh(cls, state, losses: np.ndarray, parts, shapes):
        total = sum(count for count, _ in parts)
        snapshots = jax.tree.map(
            lambda leaf: np.empty((total, *leaf.shape[1:]), leaf.dtype), shapes
        )
        return cls(state, losses, snapshots, 0, 0, 0, 0)

    def extended(self, part: tuple[int, int], state, losses, parameters) -> _Progress:
        count, stride = part
        steps, filled = self.steps + count * stride, self.num_snapshots + count
        new_losses = np.asarray(losses).reshape(-1, *self.losses.shape[1:])
        first = self.losses_filled
        self.losses[first : first + len(new_losses)] = new_losses
        for whole, new in zip(
            jax.tree.leaves(self.snapshots), jax.tree.leaves(parameters), strict=True
        ):
            whole[self.num_snapshots : filled] = new
        return self._replace(
            state=state,
            done=self.done + 1,
            steps=steps,
            losses_filled=first + len(new_losses),
            num_snapshots=filled,
        )

    def line(self, parts, resumed: int, seconds: float) -> str:
        """Step, rate, time left and share of replicas whose loss is finite."""
        num_steps = sum(count * stride for count, stride in parts)
        before = sum(count * stride for count, stride in parts[:resumed])
        rate = (self.steps - before) / max(seconds, 1e-9)
        finite = np.isfinite(self.losses[self.losses_filled - 1]).mean()
        again = f" (resumed at {before:,})" if resumed else ""
        return (
            f"step {self.steps:,} of {num_steps:,}{again}, {rate:,.0f} steps/s, "
            f"{(num_steps - self.steps) / rate:.0f} s left, {finite:.0%} of replicas finite"
        )


def _compiled(jitted, *arguments) -> tuple[Callable, Any]:
    """The compiled program and the shapes of its results.

    What the user's functions raise while they are traced becomes a ModelError.
    """
    try:
        lowered = jitted.lower(*arguments)
    except (MemoryError, OSError):
        raise
    except Exception as error:
        raise ModelError(f"{type(error).__name__}: {_explained(error)}") from error
    return lowered.compile(), lowered.out_info


def _explained(error: Exception) -> str:
    """The error's message, or what is known where it has none."""
    if str(error).strip():
        return str(error).strip()
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = traceback.tb_frame if traceback else None
    raised_by = type(where.f_locals.get("self")).__name__ if where else ""
    if where and where.f_code.co_name == "sample":
        return f"(no message) {raised_by} cannot be sampled, so there is nothing to draw from"
    return "(no message)"


def _loss_stride(parts: list[tuple[int, int]], excess: float) -> int:
    """Steps that a kept loss is the mean of: at least `excess` where the parts can be divided so."""
    whole = math.gcd(*(stride for _, stride in parts))
    divisors = [size for size in range(1, whole + 1) if whole % size == 0]
    return next((size for size in divisors if size >= excess), whole)


def _parts(
    state, num_steps: int, num_snapshots: int, max_stored_bytes: float
) -> list[tuple[int, int]]:
    """The parts a fit is run in, each (number of snapshots, steps to each).

    All alike, but for a shorter one where the numbers do not divide.
    """
    parameter_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(state[0])) / 3
    affordable = int(max_stored_bytes / max(parameter_bytes, 1))
    least = -(-num_steps // max(20, min(num_snapshots, affordable)))
    even = (size for size in range(least, 2 * least) if num_steps % size == 0)
    stride = next(even, least)
    whole, rest = divmod(num_steps, stride)
    per_part = max(1, whole // CHUNKS)
    parts = [(per_part, stride)] * (whole // per_part)
    if whole % per_part:
        parts.append((whole % per_part, stride))
    if rest:
        parts.append((1, rest))
    return parts
