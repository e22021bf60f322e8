"""How far a fit is from the posterior, and from the best ELBO of its family, with many fresh draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PyTree
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam
from scipy import optimize

from svi_atlas.diagnostics.components import standardise, with_moments
from svi_atlas.diagnostics.elbo import finite_mean
from svi_atlas.inference.data import Data, as_arrays
from svi_atlas.inference.densities import draw_guide, evaluate_model, map_draws
from svi_atlas.inference.fit import AVERAGE_SHARE
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.parameters import fitted_guide, flatten_params
from svi_atlas.inference.starts import whitening_of
from svi_atlas.records import Problem

NUM_DRAWS = 10_000
"""Draws of each fit."""

MAX_AT_ONCE = 2_000
"""Draws whose densities are computed at once, for memory's sake."""

NUM_POLISH_DRAWS = 1_000
"""Fixed draws of the polish."""

MAX_POLISH_STEPS = 200

PROBABILITIES = (0.05, 0.95)

NUM_DIRECTIONS = 50
"""Random linear combinations; others than those that the verdict looks at."""

FAR = 1e30
"""Stands for an objective that is not finite, which L-BFGS cannot take."""

IDENTITY = ("experiment", "model", "guide", "label")

COLUMNS = (
    *IDENTITY,
    "schedule",
    "step_size",
    "seed",
    "iterate",
    "error",
    "elbo",
    "elbo_se",
    "polished_elbo",
    "polished_elbo_se",
)


def true_errors(
    problem: Problem,
    cell: Mapping[str, Any],
    data: Mapping[str, Any],
    fits: xr.Dataset,
    reference: xr.Dataset,
    autoguide: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """One row per fit and iterate of a cell.

    Parameters
    ----------
    problem, cell, data, autoguide
        As in `inference.cell.fit_and_draw`.
    fits
        The cell as the fit stage wrote it.
    reference
        The posterior, with draws.

    Returns
    -------
    pandas.DataFrame
        What the fit is; `iterate`, "last" or "averaged"; `error`, see `largest_error_of`; `elbo` and
        `elbo_se` (nats); `polished_elbo` and `polished_elbo_se` of the cell's best fit after a polish
        (Giordano, Ingram, Broderick 2024, DADVI: L-BFGS on fixed draws). No rows if the cell failed,
        or if the posterior has no reference with standard deviations to be trusted.
    """
    if "loss" not in fits or any(
        reference.attrs.get(why) for why in ("unreliable", "without_moments")
    ):
        return pd.DataFrame(columns=COLUMNS)
    whitening = whitening_of(fits)
    entry = {**(autoguide or {"class": cell["guide"]}), "whitened": whitening is not None}
    make_guide = guide_factory(problem, cell["model"], cell["guide"], entry, whitening)
    family = _Family(problem.models[cell["model"]], make_guide, data)
    rows, vectors = [], []
    for iterate, number, setting in product(
        ("last", "averaged"), range(fits.sizes["seed"]), range(fits.sizes["setting"])
    ):
        parameters = _iterate(fits, family.like, iterate, {"seed": number, "setting": setting})
        vectors.append(np.asarray(ravel_pytree(parameters)[0]))
        sites, elbo, error = family.draw(vectors[-1])
        rows.append(
            {
                **{name: fits.attrs[name] for name in IDENTITY},
                "schedule": str(fits["schedule"].to_numpy()[setting]),
                "step_size": float(fits["step_size"].to_numpy()[setting]),
                "seed": int(fits["seed"].to_numpy()[number]),
                "iterate": iterate,
                "error": largest_error_of(sites, reference),
                "elbo": elbo,
                "elbo_se": error,
            }
        )
    table = pd.DataFrame(rows)
    best = int(np.argmax(np.nan_to_num(table["elbo"].to_numpy(), nan=-np.inf)))
    _, polished, error = family.draw(family.polish(vectors[best]))
    return table.assign(polished_elbo=polished, polished_elbo_se=error)


def largest_error_of(
    draws: Mapping[str, Float[np.ndarray, "draw ..."]], reference: xr.Dataset
) -> float:
    """The largest error of a fit in posterior standard deviations, NaN if a draw is not finite.

    Of all components, and of random linear combinations of the standardised components: the errors of
    means, the logarithms of ratios of standard deviations, and half the errors of the 5 and 95 %
    quantiles, which an error of mean and of standard deviation moves together.
    """
    sites = [str(name)[5:] for name in reference.data_vars if str(name).startswith("mean.")]
    mean, sd, posterior = (
        {site: reference[f"{part}.{site}"].to_numpy() for site in sites}
        for part in ("mean", "sd", "draw")
    )
    kept = with_moments(mean, sd, sites)
    size = int(kept.sum())
    fit = standardise({site: draws[site][None] for site in sites}, mean, sd, sites)[0][:, kept]
    exact = standardise({site: posterior[site][None] for site in sites}, mean, sd, sites)
    exact = exact[0][:, kept]
    if not np.isfinite(fit).all():
        return np.nan
    unit_sd = np.ones(size)
    if size > 1:
        weights = np.random.default_rng(1).standard_normal((size, NUM_DIRECTIONS))
        weights /= np.linalg.norm(weights, axis=0)
        unit_sd = np.concatenate([unit_sd, (exact @ weights).std(0, ddof=1)])
        fit, exact = (np.concatenate([part, part @ weights], axis=1) for part in (fit, exact))
    with np.errstate(divide="ignore"):
        of_means = np.abs(fit.mean(0)) / unit_sd
        of_sds = np.abs(np.log(fit.std(0, ddof=1) / unit_sd))
    points = [np.quantile(part, PROBABILITIES, axis=0) for part in (fit, exact)]
    of_quantiles = np.abs(points[0] - points[1]) / unit_sd / 2
    return float(max(of_means.max(), of_sds.max(), of_quantiles.max()))


def _iterate(fits: xr.Dataset, like: PyTree, iterate: str, fit: Mapping[str, int]) -> PyTree:
    """The unconstrained parameters of one fit at an iterate, a pytree like `like`."""
    one = fits.isel(fit)
    steps, used = one["snapshot_step"].to_numpy(), int(one["steps_used"])
    first = used - 1 if iterate == "last" else (1 - AVERAGE_SHARE) * used
    window = (steps > first) & (steps <= used)
    leaves = [
        one[f"unconstrained.{name}"].transpose("snapshot", ...).to_numpy()[window].mean(0)
        for name in flatten_params(like)
    ]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


class _Family:
    """The guides of one family, by the vector of their unconstrained parameters.

    like: those of one fit before its first step, as a pytree.
    """

    def __init__(self, model: Callable, make_guide: Callable[[], Callable], data: Mapping):
        self._model, self._make_guide = model, make_guide
        self._data = as_arrays(Data.for_model(data, model, make_guide()))
        self._draw = jax.jit(partial(self._fit_draws, num_draws=NUM_DRAWS))
        self._slope = jax.jit(jax.value_and_grad(self._fixed_draws_loss))
        svi = SVI(model, make_guide(), Adam(0.0), Trace_ELBO())
        state = svi.init(purpose_key(0, "truth"), self._data)
        self.like = svi.optim.get_params(state.optim_state)
        self._unravel = ravel_pytree(self.like)[1]

    def draw(self, vector: np.ndarray) -> tuple[dict[str, np.ndarray], float, float]:
        """Draws by site, ELBO and its standard error."""
        sites, log_weight = self._draw(jnp.asarray(vector))
        elbo, error, _ = finite_mean(np.asarray(log_weight)[None])
        return {name: np.asarray(value) for name, value in sites.items()}, elbo[0], error[0]

    def polish(self, vector: np.ndarray) -> np.ndarray:
        """The parameters that maximise the ELBO over fixed draws, from those of a fit."""

        def loss(position):
            value, slope = self._slope(jnp.asarray(position, jnp.float32))
            if not (np.isfinite(value) and np.isfinite(slope).all()):
                return FAR, np.zeros_like(position)
            return float(value), np.asarray(slope, float)

        options = {"maxiter": MAX_POLISH_STEPS}
        result = optimize.minimize(
            loss, vector.astype(float), jac=True, method="L-BFGS-B", options=options
        )
        polished: np.ndarray = result.x
        return polished

    def _fit_draws(self, vector, num_draws):
        keys = jax.random.split(purpose_key(0, "truth"), num_draws)
        return map_draws(partial(self._one_draw, vector), keys, MAX_AT_ONCE)

    def _fixed_draws_loss(self, vector):
        keys = jax.random.split(purpose_key(0, "polish"), NUM_POLISH_DRAWS)
        return -map_draws(partial(self._one_draw, vector), keys, MAX_AT_ONCE)[1].mean()

    def _one_draw(self, vector, key):
        fit = fitted_guide(self._model, self._make_guide, self._data, self._unravel(vector))
        guide_key, model_key = jax.random.split(key)
        drawn, log_guide = draw_guide(fit.guide, self._data, fit.guide_params, guide_key)
        at_draw = evaluate_model(self._model, self._data, fit.guide_params, drawn, model_key)
        return at_draw.sites | at_draw.deterministic, at_draw.log_joint - log_guide
