"""The cheapest setting at which the fits of a guide arrive, found by successive halving.

A setting is a number of particles, a peak step size that falls as a cosine, and a number of steps. All
candidates are tried with a few seeds and the same small number of gradient evaluations. The worse half is
given up, and the others are tried afresh with twice as many, until the fits of one of them have arrived.
That setting is then fitted with all seeds. Fits that have not arrived go on, in rounds of twice as many
steps from half the peak step size each, until the budget is used. Where the gap of a fit is too uncertain to tell, as for a family
whose tails are far from those of the posterior, a second look of that kind ends the search as well. A
flow may gain more than its gap says; the search goes on while the best ELBO of its fits still rises.
Steps whose gradient is not finite are left out (`SVI.stable_update`).

References
----------
Karnin, Koren and Somekh (2013), "Almost optimal exploration in multi-armed bandits". Jamieson and
Talwalkar (2016), "Non-stochastic best arm identification and hyperparameter optimization".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.fit import ADAM, CompiledCell, Fits, collect, tabulate_step_sizes
from svi_atlas.inference.optimality import ERRORS, Gap, GapCheck, Look
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.parts import Part
from svi_atlas.inference.program import CellProgram
from svi_atlas.inference.progress import Progress
from svi_atlas.inference.schedules import SCHEDULES

SCHEDULE = "cosine"
"""Schedule of all candidates: without a step size that falls, hardly any fit comes to rest."""

NUM_PARTICLES = (8, 32)

STEP_SIZES = (0.1, 0.03, 0.01)

FLOW_STEP_SIZES = (0.01, 0.003)
"""Of a flow, whose networks larger steps can drive far off."""

FIRST_RUNG_OF_FLOWS = 3
"""Number of times that the first cost is doubled for a flow, which never arrives before."""

MAX_RISE = 0.25
"""Share of the limit by which the best ELBO of a flow may still rise from one rung to the next."""

FIRST_COST = 2_000
"""Gradient evaluations of a fit in the first rung."""

NUM_PROBES = 2
"""Seeds that a candidate is tried with."""

MIN_CANDIDATES = 2
"""Candidates that are never given up."""

SNAPSHOTS_PER_PART = 20

MAX_GROUP = 8
"""Fits that run side by side; more run in groups, so that those that have arrived cost nothing more."""


class Candidate(NamedTuple):
    """A number of particles and a peak step size."""

    num_particles: int
    step_size: float

    def __str__(self) -> str:
        return f"{self.num_particles} particles, peak step size {self.step_size:g}"


class Trial(NamedTuple):
    """One fit of a candidate: its steps, its cost, and the optimality gap at their end.

    gradient_evaluations: particles times steps, and the draws that the gap was estimated from.
    gap, gap_se: nats per parameter of the guide.
    arrived, undecided: whether the gap lies below the limit with its error, or on either side of it.
    elbo: of a flow, nats per parameter; NaN for other guides.
    """

    num_particles: int
    step_size: float
    num_steps: int
    seed: int
    gradient_evaluations: int
    gap: float
    gap_se: float
    arrived: bool
    undecided: bool
    elbo: float

    def excess(self, best_elbo: float) -> float:
        """What may be left to gain, infinite if unknown; of a flow also what the best one has gained."""
        if not np.isfinite(self.gap):
            return np.inf
        behind = 0.0 if np.isnan(self.elbo) else best_elbo - self.elbo
        return max(self.gap + ERRORS * self.gap_se, behind)


@dataclass(frozen=True)
class SearchResult:
    """The fits of all seeds (seed, 1) at the setting that was found, and the trials that led to it."""

    candidate: Candidate
    fits: Fits
    trials: tuple[Trial, ...]


@accelerated()
def search(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    check: GapCheck,
    *,
    seeds: tuple[int, ...],
    budget: int,
    flow: bool = False,
    optimizer: Optimizer = ADAM,
    report: Callable[[str], None] = lambda line: None,
    checkpoint: Checkpoint | None = None,
) -> SearchResult:
    """Search for the cheapest setting whose fits arrive, and fit all seeds with it.

    Parameters
    ----------
    model, make_guide, data
        As in `fit_cell`.
    check
        Estimates optimality gaps, and says which of them are small enough.
    seeds
        Of the fits. Candidates are tried with the first NUM_PROBES of them.
    budget
        Gradient evaluations, particles times steps, that one fit may use.
    flow
        Whether the guide is a flow, which takes smaller and more steps.
    optimizer
        Of all fits.
    report
        Receives lines of progress.
    checkpoint
        Saved to, and resumed from.

    Raises
    ------
    ModelError
        If the model or the guide raises.
    """
    started = time.perf_counter()
    pools = {
        count: _Pool(
            CellProgram(model, make_guide, count, optimizer, stable=True), data, check, len(seeds)
        )
        for count in NUM_PARTICLES
    }
    step_sizes, first_rung = (FLOW_STEP_SIZES, FIRST_RUNG_OF_FLOWS) if flow else (STEP_SIZES, 0)
    candidates = [Candidate(*pair) for pair in product(NUM_PARTICLES, step_sizes)]
    last_rung = max(0, int(np.log2(budget / FIRST_COST)))
    rungs = range(min(first_rung, last_rung), last_rung + 1)
    candidate, rung, trials = _find_candidate(pools, candidates, rungs, seeds, report)
    pool = pools[candidate.num_particles]
    rounds = pool.rounds(rung, budget)
    replicas = [(seed, candidate.step_size) for seed in seeds]
    report(f"all {len(seeds)} seeds with {candidate}")
    progress, gap = pool.fit(replicas, rounds, True, report, checkpoint)
    seconds_compile = sum(each.seconds_compile for each in pools.values())
    seconds_run = time.perf_counter() - started - seconds_compile
    fits = collect(pool.cell, rounds, progress, seconds_compile, seconds_run)
    arrived = check.is_small(gap) & (progress.steps_used > 0)
    return SearchResult(candidate, replace(fits, arrived=arrived), tuple(trials))


def _find_candidate(
    pools: Mapping[int, _Pool],
    live: list[Candidate],
    rungs: range,
    seeds: Sequence[int],
    report: Callable[[str], None],
) -> tuple[Candidate, int, list[Trial]]:
    """The candidate to fit all seeds with, the rung at which it arrived (or the last), all trials."""
    trials: list[Trial] = []
    limit = next(iter(pools.values())).check.limit
    was_settled, best_elbo = False, -np.inf
    for rung in rungs:
        tried: dict[Candidate, list[Trial]] = {candidate: [] for candidate in live}
        for pool in pools.values():
            for candidate, trial in _try(pool, live, seeds, rung):
                tried[candidate].append(trial)
        trials += chain.from_iterable(tried.values())
        earlier_elbo = best_elbo
        best_elbo = float(np.fmax.reduce([best_elbo, *(trial.elbo for trial in trials)]))
        rises = best_elbo - earlier_elbo > MAX_RISE * limit
        excess = {
            candidate: max(trial.excess(best_elbo) for trial in tried[candidate])
            for candidate in live
        }
        live.sort(key=lambda candidate: excess[candidate])
        best = tried[live[0]]
        report(
            f"{best[0].num_particles * best[0].num_steps:,} gradient evaluations: the best of "
            f"{len(live)} settings is {live[0]}, with at most {excess[live[0]]:.2g} nats per "
            "parameter left to gain"
        )
        arrived = [
            each
            for each in live
            if all(trial.arrived for trial in tried[each]) and excess[each] <= limit and not rises
        ]
        settled = [
            each for each in live if all(trial.arrived or trial.undecided for trial in tried[each])
        ]
        if arrived or (settled and was_settled and not rises):
            return (arrived or settled)[0], rung, trials
        was_settled = bool(settled)
        live = live[: max(MIN_CANDIDATES, -(-len(live) // 2))]
    return live[0], rungs[-1], trials


def _try(
    pool: _Pool, live: Sequence[Candidate], seeds: Sequence[int], rung: int
) -> Iterator[tuple[Candidate, Trial]]:
    """Fit the candidates that have the particles of a pool, with the first seeds."""
    candidates = [each for each in live if each.num_particles == pool.num_particles]
    pairs = [(candidate, seed) for candidate in candidates for seed in seeds[:NUM_PROBES]]
    if not pairs:
        return
    replicas = [(seed, candidate.step_size) for candidate, seed in pairs]
    progress, gap = pool.fit(replicas, pool.rounds(rung), False)
    arrived, undecided = pool.check.is_small(gap)[:, 0], pool.check.is_undecided(gap)[:, 0]
    for at, (candidate, seed) in enumerate(pairs):
        cost = progress.num_steps * pool.num_particles + gap.num_draws[at, 0]
        yield (
            candidate,
            Trial(
                *candidate,
                num_steps=progress.num_steps,
                seed=seed,
                gradient_evaluations=int(cost),
                gap=float(gap.value[at, 0]),
                gap_se=float(gap.error[at, 0]),
                arrived=bool(arrived[at]),
                undecided=bool(undecided[at]),
                elbo=float(gap.elbo[at, 0]),
            ),
        )


class _Pool:
    """Fits with one number of particles, run in groups by one compiled program."""

    def __init__(
        self, program: CellProgram, data: Mapping[str, Any], check: GapCheck, num_seeds: int
    ):
        self.num_particles = program.num_particles
        self.check = check
        self.seconds_compile = 0.0
        self._program, self._data = program, data
        self._group = -(-num_seeds // -(-num_seeds // MAX_GROUP))
        stride = max(1, round(FIRST_COST / self.num_particles / SNAPSHOTS_PER_PART))
        self._part = Part(SNAPSHOTS_PER_PART, stride)

    def rounds(self, rung: int, budget: int = 0) -> list[list[Part]]:
        """The round of a rung, and those after it, each twice as long, that the budget allows."""
        rounds = [[self._part] * 2**rung]
        used = 2**rung
        while (used + 2 * len(rounds[-1])) * self._part.num_steps * self.num_particles <= budget:
            rounds.append([self._part] * (2 * len(rounds[-1])))
            used += len(rounds[-1])
        return rounds

    @property
    def cell(self) -> CompiledCell:
        """The compiled program, once fits have been run."""
        return self._cell

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
            Whether fits stop after a round if they have arrived, or if that cannot be told.
        report, checkpoint
            As in `search`.

        Returns
        -------
        The run with its arrays (..., pair, 1), and the optimality gap of each pair, (pair, 1), after
        its last round.
        """
        self._compile()
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
            ends = self.check.is_small(gap) | self.check.is_undecided(gap)
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

    def _compile(self) -> None:
        if self.seconds_compile:
            return
        started = time.perf_counter()
        self._cell = CompiledCell(self._program, self._group, 1, self._data)
        state, _ = self._cell.start(range(self._group))
        self._cell.compile_parts(state, [[self._part]], 1.0)
        self.seconds_compile = time.perf_counter() - started

    def _start(
        self, replicas: Sequence[tuple[int, float]], rounds: Sequence[Sequence[Part]]
    ) -> Progress:
        """Nothing done yet, with the arrays of all replicas."""
        seeds = [seed for seed, _ in replicas]
        groups = [
            self._cell.start(np.resize(group, self._group).tolist())[0]
            for group in self._groups(seeds)
        ]
        state = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *groups)
        parts = list(chain.from_iterable(rounds))
        losses = np.full((sum(part.num_steps for part in parts), len(seeds), 1), np.nan, np.float32)
        shapes = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(
                (leaf.shape[0], len(seeds), *leaf.shape[2:]), leaf.dtype
            ),
            self._cell.snapshot_shapes,
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
        done = self._cell.run(state, [parts], step_sizes[begin : begin + length][:, padded])
        steps = slice(begin, begin + length)
        snapshots = slice(progress.num_snapshots, progress.num_snapshots + done.num_snapshots)
        progress.losses[steps, group] = done.losses[:, : len(group)]
        for all_values, values in _pairs(progress.snapshots, done.snapshots):
            all_values[snapshots, group] = values[:, : len(group)]
        for all_values, values in _pairs(progress.state, done.state):
            all_values[group] = np.asarray(values)[: len(group)]

    def _look(self, progress: Progress, group: np.ndarray, gap: Gap) -> None:
        """Estimate the optimality gaps of some replicas at their last iterate."""
        padded = np.resize(group, self._group)
        last = progress.num_snapshots - 1
        iterates = jax.tree.map(
            lambda leaf: leaf[last : last + 1, padded], progress.snapshots.unconstrained
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
