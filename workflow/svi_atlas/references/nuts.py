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
from jaxtyping import Float
from numpyro.infer import NUTS
from scipy.linalg import solve_triangular

from svi_atlas.errors import InputError
from svi_atlas.inference.laplace import Laplace, find_laplace
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Reference

NUM_CHAINS = 4

WARMUP_STEPS, SAMPLE_STEPS, NUM_PARTS = 1000, 2500, 5
"""Steps of each chain. The draws are made in parts, with a line of progress after each; WARMUP_STEPS
is a whole number of parts."""

TARGET_ACCEPTANCE = (0.9, 0.99)
"""Target acceptance of the first run, and of the second, which is twice as long."""

MAX_RHAT, MIN_ESS = 1.01, 400.0

MAX_LUCK = 1.1
"""Chains whose R-hat is larger have not merely mixed slowly: they are in different places."""

MIN_BFMI = 0.3
"""Smallest estimated Bayesian fraction of missing information of a chain (Betancourt 2016)."""

MAX_DRAWS = 10_000
"""Draws kept; more are thinned."""

NUM_CANDIDATES, ASCENT_STEPS, ASCENT_RATE = 64, 100, 0.1
"""Starts are the points farthest apart that a short climb from dispersed candidates reaches."""

START_SPREAD = 2.0
"""Standard deviations of the Laplace approximation by which chains start apart."""

MAX_DEPTH = 10.0
"""Nats below the best, per coordinate and once more, at which a start may lie."""

REMEDY = "(or give the problem a function `reference` for this model)"
"""What helps where no reference can be computed."""


@dataclass(frozen=True)
class Chains:
    """Chains of NUTS.

    Attributes
    ----------
    draws : (chain, draw, component)
    names : of the components, such as "x" or "x[2]".
    divergences : number of transitions that diverged.
    ends : (chain, coordinate) where the chains ended, unconstrained.
    energy : (chain, draw) of the Hamiltonian, nats.
    """

    draws: Float[np.ndarray, "chain draw component"]
    names: list[str]
    divergences: int
    ends: Float[np.ndarray, "chain coordinate"]
    energy: Float[np.ndarray, "chain draw"]


def sample_posterior(
    posterior: Posterior, key: jax.Array, report: Callable[[str], None]
) -> Reference:
    """The reference of any posterior that NUTS can sample.

    Parameters
    ----------
    posterior : to sample.
    key : of starts and chains.
    report : receives lines of progress.

    Returns
    -------
    reference : marked unreliable if its checks fail twice.

    Raises
    ------
    InputError
        If the density is zero or undefined at all starts.
    """
    laplace = find_laplace(posterior, key, report)
    if laplace.usable:
        scale, centre = laplace.scale_tril, laplace.mode
        starts = starts_near_modes(posterior, laplace, key)
    else:
        report(f"the Laplace approximation is not usable: {laplace.why}")
        scale, centre = np.eye(posterior.dim), np.zeros(posterior.dim)
        starts = find_starts(posterior, key)
    disagreement: list[str] = []
    for attempt, acceptance in enumerate(TARGET_ACCEPTANCE, start=1):
        attempt_key = jax.random.fold_in(key, attempt)
        whitened = AffinePosterior(posterior, centre, scale)
        chains = _sample(whitened, attempt_key, starts, attempt, acceptance, report)
        faults = find_faults(chains)
        report(f"checks: {'; '.join(faults) or 'passed'}")
        if not faults:
            faults = disagreement
            break
        # Chains that settled on different modes start the next attempt there. That they then agree would be
        # luck, and no reason to forget the modes that they have found.
        starts = chains.ends
        worst = largest_rhat(chains)
        if worst > MAX_LUCK:
            disagreement = [
                f"chains of the first attempt ended apart, with an R-hat of {worst:.3g}"
            ]
    return _reference(posterior, chains, "; ".join(faults))


@dataclass(frozen=True)
class AffinePosterior:
    """A posterior in the coordinates x of position = centre + scale x, in which chains move freely.

    NUTS would have to learn the scales and the correlation of badly scaled predictors in its warm-up.

    Attributes
    ----------
    centre : (dim,)
    scale : (dim, dim) lower triangular.
    """

    posterior: Posterior
    centre: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, "dim dim"]

    def log_density(self, x: jax.Array) -> jax.Array:
        """Log of the unnormalised density, nats, up to a constant; traceable."""
        return self.posterior.log_density(self.centre + self.scale @ x)

    def to_x(
        self, positions: Float[np.ndarray, "position dim"]
    ) -> Float[np.ndarray, "position dim"]:
        return solve_triangular(self.scale, (positions - self.centre).T, lower=True).T

    def to_position(self, x: Float[np.ndarray, "*batch dim"]) -> Float[np.ndarray, "*batch dim"]:
        return self.centre + x @ self.scale.T


def starts_near_modes(
    posterior: Posterior, laplace: Laplace, key: jax.Array
) -> Float[np.ndarray, "chain dim"]:
    """Starts about the modes that were found, spread wider than the posterior at the highest of them."""
    lowest = laplace.log_densities.max() - MAX_DEPTH * (posterior.dim + 1)
    modes = laplace.modes[laplace.log_densities > lowest]
    rng = np.random.default_rng(np.asarray(key))
    noise = rng.standard_normal((NUM_CHAINS, posterior.dim)) @ laplace.scale_tril.T
    centres = modes[np.arange(NUM_CHAINS) % len(modes)]
    starts = centres + START_SPREAD * noise
    height, _ = posterior.evaluate(starts)
    return np.where(np.isfinite(height)[:, None], starts, centres)


def find_starts(posterior: Posterior, key: jax.Array) -> Float[np.ndarray, "chain dim"]:
    """Starts far apart and not far below the best, one in each mode that was found."""
    candidates = posterior.disperse(key, NUM_CANDIDATES)
    points = np.concatenate([_climb(posterior, candidates), candidates])
    height, _ = posterior.evaluate(points)
    if not np.isfinite(height).any():
        raise InputError(
            f"{posterior.where}: no reference can be computed, since the density is zero or "
            f"undefined at all of {len(points)} starts; fix the model {REMEDY}"
        )
    lowest = np.nanmax(height) - MAX_DEPTH * (posterior.dim + 1)
    near = np.isfinite(height) & (height > lowest)
    points, height = points[near], height[near]
    selected = [int(np.argmax(height))]
    while len(selected) < NUM_CHAINS:
        distance = np.abs(points[:, None] - points[selected]).max(-1).min(-1)
        selected.append(int(np.argmax(distance)))
    return points[selected]


def _climb(posterior: Posterior, candidates: np.ndarray) -> np.ndarray:
    """Points (candidate, dim) that a few steps of Adam lead to."""

    def climb_one(position):
        def step(_, state):
            position, first, second = state
            slope = jnp.nan_to_num(jax.grad(posterior.log_density)(position))
            first, second = 0.9 * first + 0.1 * slope, 0.9 * second + 0.1 * slope**2
            return position + ASCENT_RATE * first / jnp.sqrt(second + 1e-12), first, second

        zeros = jnp.zeros_like(position)
        return jax.lax.fori_loop(0, ASCENT_STEPS, step, (position, zeros, zeros))[0]

    with posterior.precision():
        return np.asarray(jax.jit(jax.vmap(climb_one))(jnp.asarray(candidates)), float)


def _sample(
    whitened: AffinePosterior,
    key: jax.Array,
    starts: np.ndarray,
    length: int,
    acceptance: float,
    report: Callable[[str], None],
) -> Chains:
    """Chains with `length` times the usual number of steps."""
    warmup, part = length * WARMUP_STEPS, length * SAMPLE_STEPS // NUM_PARTS
    kernel = NUTS(
        potential_fn=lambda x: -whitened.log_density(x),
        target_accept_prob=acceptance,
    )

    def one_step(state, _):
        state = kernel.sample(state, (), {})
        return state, (state.z, state.diverging, state.energy)

    @jax.jit
    def advance(state):
        return jax.lax.scan(one_step, state, None, length=part)

    started = time.perf_counter()
    posterior, total = whitened.posterior, NUM_PARTS * part
    report(f"NUTS: {NUM_CHAINS} chains of {warmup:,} + {total:,} steps, aiming at {acceptance}")
    positions, energies, divergences = [], [], 0
    with posterior.precision():
        keys = jax.random.split(key, NUM_CHAINS)
        state = kernel.init(keys, warmup, jnp.asarray(whitened.to_x(starts)), (), {})
        for done in range(1 - warmup // part, NUM_PARTS + 1):
            state, (position, diverging, energy) = advance(state)
            if done > 0:
                positions.append(np.swapaxes(np.asarray(position, float), 0, 1))
                energies.append(np.asarray(energy, float).T)
                divergences += int(np.sum(diverging))
            progress = f"{done * part:,} of {total:,} draws" if done > 0 else "warming up"
            seconds = time.perf_counter() - started
            report(f"{progress}, after {seconds:.0f} s, {divergences} divergences")
    joined = whitened.to_position(np.concatenate(positions, axis=1))
    _, sites = posterior.evaluate(joined.reshape(-1, posterior.dim))
    return Chains(
        draws=sites.reshape(*joined.shape[:2], -1),
        names=_component_names(posterior),
        divergences=divergences,
        ends=joined[:, -1],
        energy=np.concatenate(energies, axis=1),
    )


def _component_names(posterior: Posterior) -> list[str]:
    return [
        site + (f"[{','.join(map(str, place))}]" if place else "")
        for site, shape in posterior.shapes.items()
        for place in np.ndindex(shape)
    ]


def find_faults(chains: Chains) -> list[str]:
    """What keeps chains from being a reference, in words; constant components are left out."""
    if not np.isfinite(chains.draws).all():
        return ["some draws are not finite"]
    varying = [index for index in range(len(chains.names)) if np.ptp(chains.draws[:, :, index]) > 0]
    names = [chains.names[index] for index in varying]
    components = [chains.draws[:, :, index] for index in varying]
    faults = [
        fault
        for fault in (
            _rhat_fault(components, names),
            _ess_fault("bulk effective sample size", array_stats.ess, components, names),
            _ess_fault("tail effective sample size", _tail_ess, components, names),
        )
        if fault
    ]
    fraction = np.asarray(array_stats.bfmi(chains.energy))
    if fraction.min() < MIN_BFMI:
        faults.append(
            f"a chain hardly changes its energy, its E-BFMI is {fraction.min():.2g} "
            f"({MIN_BFMI:g} are needed)"
        )
    if chains.divergences:
        share = chains.divergences / chains.draws[:, :, 0].size
        faults.append(f"{chains.divergences} transitions ({share:.2%}) diverged")
    return faults


def largest_rhat(chains: Chains) -> float:
    """Largest R-hat of a component that varies."""
    varying = [column for column in np.moveaxis(chains.draws, -1, 0) if np.ptp(column) > 0]
    return max((float(array_stats.rhat(column)) for column in varying), default=1.0)


def _rhat_fault(components: list[np.ndarray], names: list[str]) -> str:
    values = np.array([float(array_stats.rhat(draws)) for draws in components])
    if not ((values >= MAX_RHAT) | ~np.isfinite(values)).any():
        return ""
    worst = int(np.argmax(np.nan_to_num(values)))
    return (
        f"the chains do not agree, R-hat of {names[worst]} is {values[worst]:.4g} "
        f"(limit {MAX_RHAT})"
    )


def _ess_fault(
    statistic: str,
    compute: Callable[[np.ndarray], float],
    components: list[np.ndarray],
    names: list[str],
) -> str:
    values = np.array([float(compute(draws)) for draws in components])
    if not ((values <= MIN_ESS) | ~np.isfinite(values)).any():
        return ""
    worst = int(np.argmin(np.nan_to_num(values)))
    return f"{statistic} of {names[worst]} is {values[worst]:.4g} ({MIN_ESS:.0f} are needed)"


def _tail_ess(draws: np.ndarray) -> float:
    return float(array_stats.ess(draws, method="tail", prob=(0.05, 0.95)))


def _reference(posterior: Posterior, chains: Chains, unreliable: str) -> Reference:
    num_chains, length, num_components = chains.draws.shape
    pooled = chains.draws.reshape(-1, num_components)
    mean_se, sd_se = (
        np.array([_mcse(chains.draws[:, :, index], moment) for index in range(num_components)])
        for moment in ("mean", "sd")
    )
    thinned = chains.draws[:, :: max(1, len(pooled) // MAX_DRAWS)].reshape(-1, num_components)
    return Reference(
        draws=posterior.split(thinned),
        mean=posterior.split(pooled.mean(0)),
        sd=posterior.split(pooled.std(0, ddof=1)),
        log_evidence=float("nan"),
        method=f"NUTS, {num_chains} chains of {length:,} draws"
        + (f", unreliable: {unreliable}" if unreliable else ""),
        mean_se=posterior.split(mean_se),
        sd_se=posterior.split(sd_se),
        unreliable=unreliable,
    )


def _mcse(draws: np.ndarray, moment: str) -> float:
    return float(array_stats.mcse(draws, method=moment)) if np.ptp(draws) > 0 else 0.0
