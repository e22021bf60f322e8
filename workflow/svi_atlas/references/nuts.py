"""Long NUTS with checks that decide whether it may be called a reference.

R-hat and effective sample sizes are those of Vehtari et al. (2021), "Rank-normalization, folding,
and localization", computed by ArviZ.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array_stats
from numpyro.infer import NUTS

from svi_atlas.errors import InputError
from svi_atlas.records import Reference
from svi_atlas.references.posterior import FIX, Posterior

CHAINS = 4
WARMUP, SAMPLES, PARTS = 1000, 2500, 5
"""Steps a chain; the draws are made in parts, with a progress line after each; WARMUP is a
whole number of parts."""

ACCEPT = (0.9, 0.99)
"""Target acceptance of the first run, and of the second, which is twice as long."""

MOST_RHAT, LEAST_ESS = 1.01, 400.0

DRAWS = 10_000
"""Draws kept; more are thinned."""

CANDIDATES = 64
ASCENT_STEPS, ASCENT_RATE = 100, 0.1
"""Starts are the points farthest apart that a short climb from dispersed candidates reaches."""


def by_nuts(posterior: Posterior, key: jax.Array, report: Callable[[str], None]) -> Reference:
    """The reference of any posterior NUTS can sample, marked unreliable if its checks fail twice."""
    starts = _starts(posterior, key)
    for attempt, accept in enumerate(ACCEPT, start=1):
        run = _sample(posterior, jax.random.fold_in(key, attempt), starts, attempt, accept, report)
        faults = _faults(run)
        report(f"checks: {'; '.join(faults) or 'passed'}")
        if not faults:
            break
    return _reference(posterior, run, "; ".join(faults))


@dataclass(frozen=True)
class _Run:
    """draws: (chain, draw, component), of which names: (component,) in words."""

    draws: np.ndarray
    names: list[str]
    divergences: int


def _starts(posterior: Posterior, key: jax.Array) -> np.ndarray:
    """(chain, dim): far apart and not far below the best, one in each mode that was found."""

    def climb(position):
        def step(_, state):
            position, first, second = state
            slope = jnp.nan_to_num(jax.grad(posterior.log_density)(position))
            first, second = 0.9 * first + 0.1 * slope, 0.9 * second + 0.1 * slope**2
            return position + ASCENT_RATE * first / jnp.sqrt(second + 1e-12), first, second

        nothing = jnp.zeros_like(position)
        return jax.lax.fori_loop(0, ASCENT_STEPS, step, (position, nothing, nothing))[0]

    candidates = posterior.dispersed(key, CANDIDATES)
    with posterior.precision():
        climbed = np.asarray(jax.jit(jax.vmap(climb))(jnp.asarray(candidates)), float)
    points = np.concatenate([climbed, candidates])
    height, _ = posterior.evaluate(points)
    if not np.isfinite(height).any():
        raise InputError(
            f"{posterior.where}: no reference can be computed, since the density is zero or "
            f"undefined at all of {len(points)} starts; {FIX}mend the model"
        )
    near = np.isfinite(height) & (height > np.nanmax(height) - 10 * posterior.dim - 10)
    points, height = points[near], height[near]
    chosen = [int(np.argmax(height))]
    while len(chosen) < CHAINS:
        distance = np.abs(points[:, None] - points[chosen]).max(-1).min(-1)
        chosen.append(int(np.argmax(distance)))
    return points[chosen]


def _sample(
    posterior: Posterior,
    key: jax.Array,
    starts: np.ndarray,
    length: int,
    accept: float,
    report: Callable[[str], None],
) -> _Run:
    """`length` times the usual number of steps."""
    warmup, part = length * WARMUP, length * SAMPLES // PARTS
    kernel = NUTS(
        potential_fn=lambda position: -posterior.log_density(position), target_accept_prob=accept
    )

    def one_step(state, _):
        state = kernel.sample(state, (), {})
        return state, (state.z, state.diverging)

    @jax.jit
    def advance(state):
        return jax.lax.scan(one_step, state, None, length=part)

    started = time.perf_counter()
    report(f"NUTS: {CHAINS} chains of {warmup:,} + {PARTS * part:,} steps, aiming at {accept}")
    positions, divergences = [], 0
    with posterior.precision():
        keys = jax.random.split(key, CHAINS)
        state = kernel.init(keys, warmup, jnp.asarray(starts), (), {})
        for done in range(1 - warmup // part, PARTS + 1):
            state, (position, diverging) = advance(state)
            if done > 0:
                positions.append(np.swapaxes(np.asarray(position, float), 0, 1))
                divergences += int(np.sum(diverging))
            now = f"{done * part:,} of {PARTS * part:,} draws a chain" if done > 0 else "warming up"
            seconds = time.perf_counter() - started
            report(f"{now}, after {seconds:.0f} s, {divergences} divergences")
    joined = np.concatenate(positions, axis=1)
    _, sites = posterior.evaluate(joined.reshape(-1, posterior.dim))
    return _Run(sites.reshape(*joined.shape[:2], -1), _component_names(posterior), divergences)


def _component_names(posterior: Posterior) -> list[str]:
    return [
        site + (f"[{','.join(map(str, place))}]" if place else "")
        for site, shape in posterior.shapes.items()
        for place in np.ndindex(shape)
    ]


def _faults(run: _Run) -> list[str]:
    """What keeps a run from being a reference, in words; components that cannot vary are left out."""
    faults = []
    if not np.isfinite(run.draws).all():
        return ["some draws are not finite"]
    varying = [place for place in range(len(run.names)) if np.ptp(run.draws[:, :, place]) > 0]
    for what, statistic, bad in (
        ("R-hat", array_stats.rhat, lambda values: values >= MOST_RHAT),
        ("bulk effective sample size", array_stats.ess, lambda values: values <= LEAST_ESS),
        ("tail effective sample size", _tail_ess, lambda values: values <= LEAST_ESS),
    ):
        values = np.array([float(statistic(run.draws[:, :, place])) for place in varying])
        failing = bad(values) | ~np.isfinite(values)
        if failing.any():
            worst = (np.argmax if what == "R-hat" else np.argmin)(np.nan_to_num(values))
            limit = f"limit {MOST_RHAT}" if what == "R-hat" else f"{LEAST_ESS:.0f} are needed"
            fault = f"{what} of {run.names[varying[worst]]} is {values[worst]:.4g} ({limit})"
            if what == "R-hat":
                fault = f"the chains do not agree, {fault}"
            faults.append(fault)
    if run.divergences:
        share = run.divergences / run.draws[:, :, 0].size
        faults.append(f"{run.divergences} transitions ({share:.2%}) diverged")
    return faults


def _tail_ess(draws: np.ndarray) -> float:
    return array_stats.ess(draws, method="tail", prob=(0.05, 0.95))


def _reference(posterior: Posterior, run: _Run, unreliable: str) -> Reference:
    pooled = run.draws.reshape(-1, run.draws.shape[-1])
    errors = [
        np.array([_error(run.draws[:, :, place], of) for place in range(pooled.shape[-1])])
        for of in ("mean", "sd")
    ]
    thinned = run.draws[:, :: max(1, len(pooled) // DRAWS)].reshape(-1, pooled.shape[-1])
    chains, length = run.draws.shape[:2]
    return Reference(
        draws=posterior.split(thinned),
        mean=posterior.split(pooled.mean(0)),
        sd=posterior.split(pooled.std(0, ddof=1)),
        log_evidence=float("nan"),
        method=f"NUTS, {chains} chains of {length:,} draws"
        + (f", unreliable: {unreliable}" if unreliable else ""),
        mean_se=posterior.split(errors[0]),
        sd_se=posterior.split(errors[1]),
        unreliable=unreliable,
    )


def _error(draws: np.ndarray, of: str) -> float:
    return float(array_stats.mcse(draws, method=of)) if np.ptp(draws) > 0 else 0.0
