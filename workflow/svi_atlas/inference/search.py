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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from svi_atlas.inference.acceleration import accelerated
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.fit import ADAM, Fits, collect
from svi_atlas.inference.optimality import ERRORS, GapCheck
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.program import CellProgram
from svi_atlas.inference.search_pool import FIRST_COST, SearchPool

NUM_PARTICLES = (8, 32)

STEP_SIZES = (0.1, 0.03, 0.01)

FLOW_STEP_SIZES = (0.01, 0.003)
"""Of a flow, whose networks larger steps can drive far off."""

FIRST_RUNG_OF_FLOWS = 3
"""Number of times that the first cost is doubled for a flow, which never arrives before."""

MAX_RISE = 0.25
"""Share of the limit by which the best ELBO of a flow may still rise from one rung to the next."""

NUM_PROBES = 2
"""Seeds that a candidate is tried with."""

MIN_CANDIDATES = 2
"""Candidates that are never given up."""


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
    loss: str = "Trace_ELBO",
    max_stored_bytes: float = 64e6,
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
    optimizer, loss
        Of all fits.
    max_stored_bytes
        Upper limit on the bytes of the snapshots of all fits; beyond it fewer are kept, but always one for
        each FIRST_COST gradient evaluations.
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
    num_parts = max(1, budget // FIRST_COST)

    def max_snapshots(parameter_bytes: float) -> float:
        return max_stored_bytes / (num_parts * len(seeds) * parameter_bytes)

    pools = {
        count: SearchPool(
            CellProgram(model, make_guide, count, optimizer, stable=True, loss=loss),
            data,
            check,
            len(seeds),
            max_snapshots,
        )
        for count in NUM_PARTICLES
    }
    step_sizes, first_rung = (FLOW_STEP_SIZES, FIRST_RUNG_OF_FLOWS) if flow else (STEP_SIZES, 0)
    candidates = [Candidate(*pair) for pair in product(NUM_PARTICLES, step_sizes)]
    last_rung = max(0, int(np.log2(budget / FIRST_COST)))
    rungs = range(min(first_rung, last_rung), last_rung + 1)
    trials = _Trials(pools, seeds, checkpoint.beside("trials") if checkpoint else None)
    candidate, rung = _find_candidate(trials, candidates, rungs, check.limit, report)
    pool = pools[candidate.num_particles]
    rounds = pool.rounds(rung, budget)
    replicas = [(seed, candidate.step_size) for seed in seeds]
    report(f"all {len(seeds)} seeds with {candidate}")
    progress, gap = pool.fit(replicas, rounds, True, report, checkpoint)
    seconds_compile = sum(each.seconds_compile for each in pools.values())
    seconds_run = time.perf_counter() - started - seconds_compile
    fits = collect(pool.cell, rounds, progress, seconds_compile, seconds_run)
    arrived = check.is_small(gap) & (progress.steps_used > 0)
    return SearchResult(candidate, replace(fits, arrived=arrived), tuple(trials.done))


def _find_candidate(
    trials: _Trials,
    live: list[Candidate],
    rungs: range,
    limit: float,
    report: Callable[[str], None],
) -> tuple[Candidate, int]:
    """The candidate to fit all seeds with, and the rung at which it arrived (or the last)."""
    was_settled, best_elbo = False, -np.inf
    for rung in rungs:
        tried = trials.of(live, rung)
        earlier_elbo = best_elbo
        best_elbo = float(np.fmax.reduce([best_elbo, *(trial.elbo for trial in trials.done)]))
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
            return (arrived or settled)[0], rung
        was_settled = bool(settled)
        live = live[: max(MIN_CANDIDATES, -(-len(live) // 2))]
    return live[0], rungs[-1]


class _Trials:
    """The trials of a search in their order; a search that was interrupted does not repeat them."""

    def __init__(
        self,
        pools: Mapping[int, SearchPool],
        seeds: Sequence[int],
        checkpoint: Checkpoint | None,
    ):
        self.done: list[Trial] = []
        self._pools, self._seeds, self._checkpoint = pools, seeds[:NUM_PROBES], checkpoint
        saved = checkpoint.load(np.zeros(0)) if checkpoint else None
        self._saved = [] if saved is None else [_trial_from(row) for row in saved]

    def of(self, live: Sequence[Candidate], rung: int) -> dict[Candidate, list[Trial]]:
        """Fit candidates with the first seeds, at the cost of a rung."""
        tried: dict[Candidate, list[Trial]] = {candidate: [] for candidate in live}
        for pool in self._pools.values():
            candidates = [each for each in live if each.num_particles == pool.num_particles]
            pairs = [(candidate, seed) for candidate in candidates for seed in self._seeds]
            for (candidate, _), trial in zip(pairs, self._of_pool(pool, pairs, rung), strict=True):
                tried[candidate].append(trial)
        return tried

    def _of_pool(
        self, pool: SearchPool, pairs: Sequence[tuple[Candidate, int]], rung: int
    ) -> list[Trial]:
        """The trials of (candidate, seed) pairs that have the particles of a pool."""
        if not pairs:
            return []
        trials = self._saved[len(self.done) : len(self.done) + len(pairs)]
        if not trials:
            trials = _try(pool, pairs, rung)
        self.done += trials
        if self._checkpoint:
            self._checkpoint.save(np.array(self.done, float))
        return trials


def _try(pool: SearchPool, pairs: Sequence[tuple[Candidate, int]], rung: int) -> list[Trial]:
    """Fit (candidate, seed) pairs at the cost of a rung."""
    replicas = [(seed, candidate.step_size) for candidate, seed in pairs]
    progress, gap = pool.fit(replicas, pool.rounds(rung), False)
    arrived, undecided = pool.check.is_small(gap)[:, 0], pool.check.is_undecided(gap)[:, 0]
    cost = progress.num_steps * pool.num_particles + gap.num_draws[:, 0]
    return [
        Trial(
            *candidate,
            num_steps=progress.num_steps,
            seed=seed,
            gradient_evaluations=int(cost[at]),
            gap=float(gap.value[at, 0]),
            gap_se=float(gap.error[at, 0]),
            arrived=bool(arrived[at]),
            undecided=bool(undecided[at]),
            elbo=float(gap.elbo[at, 0]),
        )
        for at, (candidate, seed) in enumerate(pairs)
    ]


def _trial_from(row: np.ndarray) -> Trial:
    """A trial from its fields as floats."""
    return Trial(*(kind(value) for kind, value in zip(_KINDS, row, strict=True)))


_KINDS = (int, float, int, int, int, float, float, bool, bool, float)
"""Types of the fields of a trial."""
