"""Refits equal SVI.run, and their tables."""

import jax
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from line_model import LINE_DATA, keys, line
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal

from svi_atlas.errors import InputError
from svi_atlas.inference.fit import fit_data_sets
from svi_atlas.inference.parameters import flatten_params
from svi_atlas.records import Problem
from svi_atlas.sbc.refit import refit_simulated_data, tabulate_ranks
from svi_atlas.sbc.simulate import prior_predictive
from svi_atlas.sbc.table import SETTINGS, tabulate_calibration


def test_each_refit_equals_svi_run_on_its_data_set():
    _, data_sets = prior_predictive(line, LINE_DATA, keys(6))
    seeds = (1, 2, 3, 4, 5, 6)
    fitted = fit_data_sets(
        line, lambda: AutoNormal(line), LINE_DATA, data_sets,
        num_particles=2, step_size=0.05, seeds=seeds, num_steps=203,
    )  # fmt: skip

    @jax.jit
    def svi_run(key, data):
        svi = SVI(line, AutoNormal(line), optim.Adam(0.05), Trace_ELBO(num_particles=2))
        state = svi.run(key, 203, data, progress_bar=False).state
        return svi.optim.get_params(state.optim_state)

    for index in (0, 4):
        data = {**LINE_DATA, "y": data_sets["y"][index]}
        expected = flatten_params(svi_run(jax.random.PRNGKey(seeds[index]), data))
        assert flatten_params(fitted).keys() == expected.keys()
        for name, values in flatten_params(fitted).items():
            np.testing.assert_allclose(values[index], expected[name], rtol=1e-4, atol=1e-5)


def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def broken(data):
    raise ValueError("broken on purpose")


PROBLEM = Problem("mine", "here", lambda key, settings: {}, {"m": model}, {"broken": broken})
DATA = {"y": np.float32(0.5)}
ENTRY = {
    "name": "one", "model": "m", "guide": "AutoNormal", "num_particles": 1, "step_size": 0.1,
    "num_steps": 200, "simulations": 20, "num_draws": 100, "schedule": "constant",
    "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
}  # fmt: skip


def refit(lines, **changes):
    return refit_simulated_data(PROBLEM, {**ENTRY, **changes}, DATA, None, lines.append)


def test_a_row_per_simulation_and_parameter():
    lines = []
    refits = refit(lines)
    assert list(refits) == ["parameter", "simulation", "truth", "rank"]
    assert refits["simulation"].tolist() == list(range(1, 21))
    assert refits["rank"].between(0, 100).all()
    assert lines[0].startswith("fitted 20 data sets")
    (row,) = tabulate_calibration([ENTRY], {"one": refits}, strict=True).itertuples()
    assert (row.name, row.parameter, row.not_finite) == ("one", "mean", 0)


def test_components_of_a_site_are_parameters_of_their_own():
    truth, ranks = {"z": np.arange(8.0).reshape(2, 2, 2)}, {"z": np.zeros((2, 2, 2))}
    table = tabulate_ranks((1, 2), truth, ranks)
    assert table["parameter"].tolist()[::2] == ["z[0,0]", "z[0,1]", "z[1,0]", "z[1,1]"]
    assert table["truth"].tolist()[:4] == [0.0, 4.0, 1.0, 5.0]


def test_a_guide_that_raises_is_a_result():
    refits, entry = refit([], guide="broken"), {**ENTRY, "guide": "broken"}
    table = tabulate_calibration([entry], {"one": refits}, strict=False)
    assert list(table)[: len(SETTINGS)] == list(SETTINGS)
    (row,) = table.itertuples()
    assert row.finding == "failed"
    assert "ValueError: broken on purpose" in row.message
    with pytest.raises(InputError, match=r"sbc\.one failed: ValueError: broken"):
        tabulate_calibration([entry], {"one": refits}, strict=True)


def test_a_model_without_data_to_draw_is_named():
    problem = Problem("mine", "here", PROBLEM.simulate, {"m": broken}, {})
    with pytest.raises(InputError, match="no data can be drawn from model 'm'"):
        refit_simulated_data(problem, ENTRY, DATA, None, print)
