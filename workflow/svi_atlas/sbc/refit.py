"""Refits of a guide to data sets drawn from the model, and the ranks of the true values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Shaped, UInt32

from svi_atlas.errors import InputError
from svi_atlas.inference.fit import fit_data_sets
from svi_atlas.inference.guide_check import check_guide, raise_errors
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.schedules import schedules_of
from svi_atlas.records import Problem
from svi_atlas.sbc.ranks import rank_statistics
from svi_atlas.sbc.simulate import prior_predictive


def refit_simulated_data(
    problem: Problem,
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    autoguide: Mapping[str, Any] | None,
    report: Callable[[str], None],
) -> pd.DataFrame:
    """Draw data sets from the model, refit the guide to each, and rank the true values.

    Parameters
    ----------
    problem
        Holds the model and the guide.
    settings
        The fields of an entry of the experiment's `sbc` (`configuration.cells.SbcSettings`).
    data
        Arrays by name.
    autoguide
        The entry of the experiment's `autoguides` that the guide stands for, if it is one.
    report
        Receives progress lines.

    Returns
    -------
    One row per simulation and scalar parameter: `parameter`, `simulation`, `truth`, `rank`. One row with
    the column `message` if the model or the guide raised.

    Raises
    ------
    InputError
        If no data can be drawn from the model.
    """
    model = problem.models[settings["model"]]
    make_guide = guide_factory(problem, settings["model"], settings["guide"], autoguide)
    seeds = tuple(range(1, settings["simulations"] + 1))
    try:
        truth, data_sets = prior_predictive(model, data, _make_keys(seeds, "simulation"))
    except InputError as error:
        raise InputError(
            f"no data can be drawn from model {settings['model']!r}: {error}"
        ) from error
    started = time.perf_counter()
    try:
        raise_errors(check_guide(model, make_guide(), data, settings["loss"]))
        unconstrained = fit_data_sets(
            model,
            make_guide,
            data,
            data_sets,
            num_particles=settings["num_particles"],
            step_size=settings["step_size"],
            seeds=seeds,
            num_steps=settings["num_steps"],
            schedule=schedules_of(problem)[settings["schedule"]],
            optimizer=Optimizer.from_dict(settings["optimizer"]),
            loss=settings["loss"],
        )
        report(f"fitted {len(seeds)} data sets in {time.perf_counter() - started:.1f} s")
        keys, num_draws = _make_keys(seeds, "draws"), settings["num_draws"]
        ranks = rank_statistics(
            model, make_guide, data, data_sets, truth, unconstrained, keys, num_draws
        )
    except ModelError as error:
        report(f"failed: {error}")
        return pd.DataFrame({"message": [str(error)]})
    return tabulate_ranks(seeds, truth, ranks)


def tabulate_ranks(
    seeds: tuple[int, ...],
    truth: Mapping[str, Shaped[np.ndarray, "simulation ..."]],
    ranks: Mapping[str, Shaped[np.ndarray, "simulation ..."]],
) -> pd.DataFrame:
    """One row per simulation and scalar parameter: its true value and its rank among the draws.

    Parameters
    ----------
    seeds
        Of the simulations.
    truth, ranks
        True values and ranks by site.
    """
    parts = []
    for site, values in truth.items():
        for index in np.ndindex(values.shape[1:]):
            part = {
                "parameter": f"{site}[{','.join(map(str, index))}]" if index else site,
                "simulation": seeds,
                "truth": values[:, *index],
                "rank": ranks[site][:, *index],
            }
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _make_keys(seeds: tuple[int, ...], purpose: str) -> UInt32[Array, "simulation 2"]:
    return jax.vmap(lambda seed: purpose_key(seed, "calibration", purpose))(jnp.asarray(seeds))
