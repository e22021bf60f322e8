"""NUTS beside variational inference at equal cost: its errors after a given number of gradients.

One chain per seed, with a dense mass matrix, the warm-up counted in. For each budget the longest
warm-up is used that leaves half of the budget for draws, as a user would choose it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Array, Float, Int
from numpyro.infer import NUTS

from svi_atlas.errors import InputError
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Problem

WARMUPS = (1000, 300, 100)
"""Steps of the warm-up, NumPyro's usual number and shorter ones."""

BLOCK_STEPS = 50
"""Steps that are made between two looks at what was spent; a divisor of every warm-up."""

LEAD = 10
"""Chains move side by side, each step as long as the longest trajectory. One that is stuck, and turns down
every step after one or two evaluations, is given up when another has spent this many times the budget."""

START_RADIUS = 2.0
"""Chains start uniformly within this distance of 0 in each coordinate, as NumPyro's do."""


COLUMNS = (
    "seed",
    "budget",
    "num_warmup",
    "num_draws",
    "gradient_evaluations",
    "mean_error",
    "sd_ratio",
    "seconds_run",
    "seconds_total",
)


class Sums(NamedTuple):
    """What is kept of the draws of each chain, by budget: no draw is added that exceeds it.

    Attributes
    ----------
    spent : (chain, budget) gradient evaluations up to the last draw that was added.
    num_draws : (chain, budget)
    first, second : (chain, budget, component) sums of the draws and of their squares, standardised
        with the reference.
    steps : (chain, budget) steps of NUTS up to the last draw, warm-up included.
    """

    spent: Int[Array, "chain budget"]
    num_draws: Int[Array, "chain budget"]
    first: Float[Array, "chain budget component"]
    second: Float[Array, "chain budget component"]
    steps: Int[Array, "chain budget"]


def nuts_of_model(
    problem: Problem,
    model: str,
    data: Mapping[str, Any],
    reference: xr.Dataset | None,
    budgets: Sequence[int],
    seeds: Sequence[int],
    report: Callable[[str], None],
) -> pd.DataFrame:
    """The table of `run_nuts` for a model of a problem, with the column `model`.

    It has no rows, and a line of the report says why, where the model raises or its reference
    cannot be used.

    Parameters
    ----------
    reference : of the model, as `references.dataset` stores it.
    problem, model, data, budgets, seeds, report : as elsewhere.
    """
    where = f"problem {problem.name!r}, model {model!r}"
    assert reference is not None
    try:
        posterior = Posterior.from_model(problem.models[model], data, where)
        if why := reference.attrs.get("unreliable"):
            raise InputError(f"{where}: there is no reference to compare it with: {why}")
    except InputError as error:
        report(f"NUTS is not run: {error}")
        return pd.DataFrame(columns=list(COLUMNS), dtype=float).assign(model=model)
    mean, sd = (
        {site: reference[f"{moment}.{site}"].to_numpy() for site in posterior.shapes}
        for moment in ("mean", "sd")
    )
    return run_nuts(posterior, mean, sd, budgets, seeds, report).assign(model=model)


def run_nuts(
    posterior: Posterior,
    mean: Mapping[str, np.ndarray],
    sd: Mapping[str, np.ndarray],
    budgets: Sequence[int],
    seeds: Sequence[int],
    report: Callable[[str], None],
) -> pd.DataFrame:
    """Errors of NUTS at each budget, against a reference.

    Parameters
    ----------
    posterior : to sample.
    mean, sd : of the reference, by site.
    budgets : gradient evaluations of a chain, warm-up included.
    seeds : of the chains.
    report : receives lines of progress.

    Returns
    -------
    One row per budget and seed: `seed`, `budget`, `num_warmup`, `num_draws`, `gradient_evaluations`,
    `mean_error` (posterior sds, largest over the components), `sd_ratio` (of the component where it is
    farthest from 1), `seconds_run` and `seconds_total` (the latter with this chain's share of the
    compilation). The errors are missing where the budget ends before the second draw. A chain that is stuck
    may have spent less than its budget (see LEAD).
    """
    left = sorted(set(budgets))
    parts: list[pd.DataFrame] = []
    for num_warmup in WARMUPS:
        shortest = num_warmup == WARMUPS[-1]
        if not shortest and num_warmup > max(left) / 2:
            continue  # each step takes at least one
        chains = _Chains(posterior, mean, sd, left, seeds, num_warmup)
        spent = float(np.median(chains.warm_up()))
        report(f"warm-up of {num_warmup:,} steps: {spent:,.0f} gradient evaluations")
        own = [budget for budget in left if shortest or spent <= budget / 2]
        left = [budget for budget in left if budget not in own]
        if own:
            parts.append(chains.sample(own, report))
        if not left:
            break
    return pd.concat(parts, ignore_index=True).sort_values(["budget", "seed"], ignore_index=True)


class _Chains:
    """Chains with one length of the warm-up, one per seed, which run side by side."""

    def __init__(self, posterior, mean, sd, budgets, seeds, num_warmup):
        self.posterior, self.seeds, self.num_warmup = posterior, list(seeds), num_warmup
        self.budgets = np.array(budgets)
        unit = [
            np.concatenate([np.ravel(moment[site]) for site in posterior.shapes])
            for moment in (mean, sd)
        ]
        with posterior.precision():
            self.carry, advance = _program(posterior, unit, self.budgets, self.seeds, num_warmup)
            started = time.perf_counter()
            self.advance = jax.jit(advance).lower(self.carry).compile()
        self.seconds_compile = time.perf_counter() - started
        self.seconds = [0.0]

    def warm_up(self) -> Int[np.ndarray, " chain"]:
        """Gradient evaluations of the warm-up, by chain."""
        for _ in range(self.num_warmup // BLOCK_STEPS):
            self._advance()
        return np.asarray(self.carry[1])

    def sample(self, budgets: list[int], report: Callable[[str], None]) -> pd.DataFrame:
        """Draw until every chain has spent the largest of the budgets, or one LEAD times as much."""
        spent = np.asarray(self.carry[1])
        while spent.min() < max(budgets) and spent.max() < LEAD * max(budgets):
            self._advance()
            spent = np.asarray(self.carry[1])
            if len(self.seconds) % 200 == 0:
                report(f"{np.median(spent):,.0f} gradient evaluations, {self.seconds[-1]:.0f} s")
        places = [int(np.flatnonzero(self.budgets == budget)[0]) for budget in budgets]
        sums = jax.tree.map(lambda values: np.asarray(values)[:, places], self.carry[2])
        return self._table(budgets, sums)

    def _advance(self) -> None:
        started = time.perf_counter()
        with self.posterior.precision():
            self.carry = jax.block_until_ready(self.advance(self.carry))
        self.seconds.append(self.seconds[-1] + time.perf_counter() - started)

    def _table(self, budgets: list[int], sums: Sums) -> pd.DataFrame:
        mean_error, sd_ratio = errors(sums)
        # The chains run side by side, so that each is charged its share of the time.
        elapsed = np.interp(sums.steps, BLOCK_STEPS * np.arange(len(self.seconds)), self.seconds)
        seconds_run = elapsed / len(self.seeds)
        values = (
            np.repeat(np.array(self.seeds)[:, None], len(budgets), axis=1),
            np.repeat(np.array(budgets)[None], len(self.seeds), axis=0),
            np.full(sums.num_draws.shape, self.num_warmup),
            sums.num_draws,
            sums.spent,
            mean_error,
            sd_ratio,
            seconds_run,
            seconds_run + self.seconds_compile / len(self.seeds),
        )
        return pd.DataFrame(dict(zip(COLUMNS, map(np.ravel, values), strict=True)))


def _program(posterior, unit, budgets, seeds, num_warmup) -> tuple[tuple, Callable]:
    """The first state of the chains, and the function that advances them by a block of steps.

    The state holds NumPyro's state, the gradient evaluations (chain,), and the Sums. `unit` holds mean
    and sd of the reference, each (component,).
    """
    kernel = NUTS(potential_fn=lambda x: -posterior.log_density(x), dense_mass=True)
    mean, sd = unit

    def add_draw(sums, step, spent, position):
        draw = ((jax.vmap(posterior.flat_sites)(position) - mean) / sd)[:, None]
        within = (spent[:, None] <= budgets) & (step > num_warmup)
        added = jnp.where(within[..., None], draw, 0.0)
        return Sums(
            jnp.where(within, spent[:, None], sums.spent),
            sums.num_draws + within,
            sums.first + added,
            sums.second + added**2,
            jnp.where(within, step, sums.steps),
        )

    def one_step(carry, _):
        state, spent, sums = carry
        state = kernel.sample(state, (), {})
        spent = spent + state.num_steps
        return (state, spent, add_draw(sums, state.i[0], spent, state.z)), None

    def start(key):
        shape = (posterior.dim,)
        return jax.random.uniform(key, shape, minval=-START_RADIUS, maxval=START_RADIUS)

    keys, starts = (
        jnp.stack([purpose_key(seed, "nuts", str(num_warmup), purpose) for seed in seeds])
        for purpose in ("chain", "start")
    )
    state = kernel.init(keys, num_warmup, jax.vmap(start)(starts), (), {})
    shape = len(seeds), len(budgets)
    none, zero = jnp.zeros(shape, int), jnp.zeros((*shape, len(mean)))
    first = state, jnp.ones(len(seeds), int), Sums(none, none, zero, zero, none)
    return first, lambda carry: jax.lax.scan(one_step, carry, None, length=BLOCK_STEPS)[0]


def errors(
    sums: Sums,
) -> tuple[Float[np.ndarray, "chain budget"], Float[np.ndarray, "chain budget"]]:
    """Largest error of a mean, and the ratio of sds farthest from 1; NaN for fewer than two draws."""
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.asarray(sums.num_draws, float)[..., None]
        mean = sums.first / count
        ratio = np.sqrt(np.maximum(sums.second - count * mean**2, 0) / (count - 1))
        worst = np.abs(np.log(ratio)).argmax(-1)[..., None]
        mean_error = np.abs(mean).max(-1)
        sd_ratio = np.take_along_axis(ratio, worst, -1)[..., 0]
    enough = sums.num_draws >= 2
    return np.where(enough, mean_error, np.nan), np.where(enough, sd_ratio, np.nan)
