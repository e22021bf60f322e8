"""Fits of a search with one number of particles, run in groups by one compiled program.

Fits that have arrived leave their group, so that they cost nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.fit import AVERAGE_SHARE, CompiledCell, tabulate_step_sizes
from svi_atlas.inference.optimality import Gap, GapCheck, Look
from svi_atlas.inference.parts import Part
from svi_atlas.inference.program import CellProgram
from svi_atlas.inference.progress import Progress
from svi_atlas.inference.schedules import SCHEDULES

SCHEDULE = "cosine"
"""Schedule of all candidates: without a step size that falls, hardly any fit comes to rest."""

FIRST_COST = 2_000
"""Gradient evaluations of a fit in the first rung."""

MAX_SNAPSHOTS_PER_PART = 20
"""Fewer are kept, but one at least, where those of a whole search would exceed the storage limit."""

MAX_GROUP = 8
"""Fits that run side by side; more run in groups, so that those that have arrived cost nothing more."""


class SearchPool:
    """Fits with one number of particles, run in groups by one compiled program."""

    def __init__(
        self,
        program: CellProgram,
        data: Mapping[str, Any],
        check: GapCheck,
        num_seeds: int,
        max_snapshots: Callable[[float], float],
    ):
        self.num_particles = program.num_particles
        self.check = check
        self.seconds_compile = 0.0
        self._program, self._data = program, data
        self._group = -(-num_seeds // -(-num_seeds // MAX_GROUP))
        self._max_snapshots = max_snapshots

    def rounds(self, rung: int, budget: int = 0) -> list[list[Part]]:
        """The round of a rung, and those after it, each twice as long, that the budget allows."""
        rounds = [[self._part] * 2**rung]
        used = 2**rung
        while (used + 2 * len(rounds[-1])) * self._part.num_steps * self.num_particles <= budget:
            rounds.append([self._part] * (2 * len(rounds[-1])))
            used += len(rounds[-1])
        return rounds

    def fit(
        self,
        replicas: Sequence[tuple[int, float]],
        rounds: Sequence[Sequence[Part]],
        stop: bool,
        report: Callable[[str], None] = lambda line: None,
        checkpoint: Checkpoint | None = None,
    ) -> tuple[Progress, Gap]:
        """Fit (seed, step size) pairs.

        Parameters
        ----------
        replicas
            The pairs.
        rounds
            Parts of each round.
        stop
            Whether fits stop after a round if they have arrived, or if no draws could tell.
        report, checkpoint
            As in `search`.

        Returns
        -------
        The run with its arrays (..., pair, 1), and the optimality gap of each pair, (pair, 1), after
        its last round.
        """
        factors = tabulate_step_sizes({SCHEDULE: SCHEDULES[SCHEDULE]}, [1.0], rounds)
        lengths = [sum(part.num_steps for part in parts) for parts in rounds]
        factors *= np.repeat(0.5 ** np.arange(len(rounds)), lengths)[:, None].astype(np.float32)
        step_sizes = (
            factors[:, :, None]
            * np.array([size for _, size in replicas], np.float32)[None, :, None]
        )
        progress = self._start(replicas, rounds)
        shape = (len(replicas), 1)
        value, error, elbo = (np.full(shape, np.nan) for _ in range(3))
        gap = Gap(value, error, elbo, np.zeros(shape, int))
        if checkpoint is not None:
            progress, gap = checkpoint.load((progress, gap)) or (progress, gap)
        for parts in rounds[self._rounds_done(rounds, progress) :]:
            active = np.flatnonzero(progress.steps_used[:, 0] == 0)
            if not active.size:
                break
            for group in self._groups(active):
                self._advance(progress, group, parts, step_sizes)
            progress = _after_round(progress, parts)
            for group in self._groups(active):
                self._look(progress, group, gap)
            ends = self.check.is_small(gap) | self.check.is_hopeless(gap)
            progress.stop(Look(ends & stop, gap.elbo, gap.num_draws))
            if checkpoint is not None:
                checkpoint.save((progress, gap))
            arrived = int(self.check.is_small(gap).sum())
            report(f"step {progress.num_steps:,}: {arrived} of {len(replicas)} fits have arrived")
        return progress, gap

    def _groups(self, items: Sequence[int] | np.ndarray) -> Iterator[np.ndarray]:
        """Items in groups of the size that is compiled; the last may be smaller."""
        for first in range(0, len(items), self._group):
            yield np.asarray(items[first : first + self._group])

    @cached_property
    def cell(self) -> CompiledCell:
        """The compiled program of a group of fits."""
        started = time.perf_counter()
        cell = CompiledCell(self._program, self._group, 1, self._data)
        self.seconds_compile += time.perf_counter() - started
        return cell

    @cached_property
    def _part(self) -> Part:
        """Steps of the first cost, with their snapshots; compiled."""
        affordable = self._max_snapshots(self.cell.parameter_bytes / self._group)
        snapshots = int(np.clip(affordable, 1, MAX_SNAPSHOTS_PER_PART))
        part = Part(snapshots, max(1, round(FIRST_COST / self.num_particles / snapshots)))
        started = time.perf_counter()
        state, _ = self.cell.start(range(self._group))
        self.cell.compile_parts(state, [[part]], 1.0)
        self.seconds_compile += time.perf_counter() - started
        return part

    def _start(
        self, replicas: Sequence[tuple[int, float]], rounds: Sequence[Sequence[Part]]
    ) -> Progress:
        """Nothing done yet, with the arrays of all replicas."""
        seeds = [seed for seed, _ in replicas]
        groups = [
            self.cell.start(np.resize(group, self._group).tolist())[0]
            for group in self._groups(seeds)
        ]
        state = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *groups)
        parts = list(chain.from_iterable(rounds))
        losses = np.full((sum(part.num_steps for part in parts), len(seeds), 1), np.nan, np.float32)
        shapes = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(
                (leaf.shape[0], len(seeds), *leaf.shape[2:]), leaf.dtype
            ),
            self.cell.snapshot_shapes,
        )
        return Progress.start(state, losses, parts, shapes)

    @staticmethod
    def _rounds_done(rounds: Sequence[Sequence[Part]], progress: Progress) -> int:
        ends = np.cumsum([len(parts) for parts in rounds])
        return int(np.searchsorted(ends, progress.num_parts, side="right"))

    def _advance(
        self, progress: Progress, group: np.ndarray, parts: Sequence[Part], step_sizes: np.ndarray
    ) -> None:
        """Do the parts of a round for some replicas, and put what they give into the arrays of all."""
        begin, length = progress.num_steps, sum(part.num_steps for part in parts)
        padded = np.resize(group, self._group)
        state = jax.tree.map(lambda leaf: jnp.asarray(leaf[padded]), progress.state)
        done = self.cell.run(state, [parts], step_sizes[begin : begin + length][:, padded])
        steps = slice(begin, begin + length)
        snapshots = slice(progress.num_snapshots, progress.num_snapshots + done.num_snapshots)
        progress.losses[steps, group] = done.losses[:, : len(group)]
        for all_values, values in _pairs(progress.snapshots, done.snapshots):
            all_values[snapshots, group] = values[:, : len(group)]
        for all_values, values in _pairs(progress.state, done.state):
            all_values[group] = np.asarray(values)[: len(group)]

    def _look(self, progress: Progress, group: np.ndarray, gap: Gap) -> None:
        """Estimate the optimality gaps of some replicas at their averaged iterate, as the verdict does."""
        padded = np.resize(group, self._group)
        done = progress.num_snapshots
        first = int((1 - AVERAGE_SHARE) * done)
        iterates = jax.tree.map(
            lambda leaf: leaf[first:done, padded].mean(0, keepdims=True),
            progress.snapshots.unconstrained,
        )
        found = self.check(iterates)
        for all_values, values in zip(gap, found, strict=True):
            all_values[group] = values[0, : len(group)]


def _after_round(progress: Progress, parts: Sequence[Part]) -> Progress:
    num_steps = sum(part.num_steps for part in parts)
    return progress._replace(
        num_parts=progress.num_parts + len(parts),
        num_steps=progress.num_steps + num_steps,
        num_losses=progress.num_losses + num_steps,
        num_snapshots=progress.num_snapshots + sum(part.num_snapshots for part in parts),
    )


def _pairs(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    return zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
