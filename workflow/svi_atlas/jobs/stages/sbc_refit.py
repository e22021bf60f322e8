"""Refits a guide to data sets drawn from the model, and counts its draws below the true values."""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.fit import ModelError, fit_data_sets
from svi_atlas.inference.guide_check import check_guide, raise_errors
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs.job import Job
from svi_atlas.results import store
from svi_atlas.sbc.ranks import rank_statistics
from svi_atlas.sbc.simulate import prior_predictive


def run(job: Job) -> None:
    spec, settings = job.spec, job.spec["sbc"]
    problem = problems.load(spec["problem"])
    data = store.read_arrays(job.inputs["data"])
    model = problem.models[settings["model"]]
    make_guide = guide_factory(problem, settings["model"], settings["guide"], spec["autoguide"])
    seeds = tuple(range(1, settings["simulations"] + 1))
    try:
        truth, data_sets = prior_predictive(model, data, _keys(seeds, "simulation"))
    except InputError as error:
        raise InputError(
            f"config/experiments/{spec['experiment']}.yaml: key 'calibration.{settings['name']}': no "
            f"data can be drawn from model {settings['model']!r}: {error}"
        ) from error
    started = time.perf_counter()
    try:
        raise_errors(check_guide(model, make_guide(), data))
        unconstrained = fit_data_sets(
            model,
            make_guide,
            data,
            data_sets,
            num_particles=settings["num_particles"],
            step_size=settings["step_size"],
            seeds=seeds,
            num_steps=settings["num_steps"],
            optimizer=settings["optimizer"],
        )
        _report(f"fitted {len(seeds)} data sets in {time.perf_counter() - started:.1f} s")
        below = rank_statistics(
            model,
            make_guide,
            data,
            data_sets,
            truth,
            unconstrained,
            _keys(seeds, "draws"),
            settings["num_draws"],
        )
        table = _table(seeds, truth, below)
    except ModelError as error:
        _report(f"failed: {error}")
        table = pd.DataFrame({"message": [str(error)]})
    store.write_table(table, job.outputs["table"], job.spec_text)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _keys(seeds: tuple[int, ...], purpose: str) -> jax.Array:
    """(simulation, 2)"""
    return jax.vmap(lambda seed: purpose_key(seed, "calibration", purpose))(jnp.asarray(seeds))


def _table(
    seeds: tuple[int, ...], truth: dict[str, np.ndarray], below: dict[str, np.ndarray]
) -> pd.DataFrame:
    """One row a simulation and scalar parameter: its true value, and the draws below it."""
    parts = []
    for site, values in truth.items():
        for index in np.ndindex(values.shape[1:]):
            part = {
                "parameter": f"{site}[{','.join(map(str, index))}]" if index else site,
                "simulation": seeds,
                "truth": values[:, *index],
                "rank": below[site][:, *index],
            }
            parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)
