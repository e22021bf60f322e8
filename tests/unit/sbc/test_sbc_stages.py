"""A guide that raises: from the stages to the figure."""

import pytest
import xarray as xr

from svi_atlas.analysis.general.sbc import sbc_histograms
from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.stages import sbc, sbc_refit
from svi_atlas.plots import sbc as sbc_figure
from svi_atlas.results import store

PROBLEM = """
import numpy as np, numpyro, numpyro.distributions as dist
from svi_atlas.records import Problem

def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])

def broken(data):
    raise ValueError("broken on purpose")

PROBLEM = Problem("mine", "here", lambda key, settings: {}, {"m": model}, {"broken": broken})
"""


def test_a_guide_that_raises_is_a_result(tmp_path):
    (tmp_path / "mine.py").write_text(PROBLEM)
    data, ranks, table = (tmp_path / name for name in ("data.nc", "one.parquet", "sbc.csv"))
    store.write_dataset(xr.Dataset({"y": ((), 0.5)}), data, "")
    entry = {
        "name": "one", "model": "m", "guide": "broken", "num_particles": 1, "step_size": 0.1,
        "num_steps": 10, "simulations": 20, "num_draws": 100, "schedule": "constant",
    "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
    }  # fmt: skip
    spec = {"experiment": "mine", "problem": str(tmp_path / "mine.py"), "autoguide": None}

    def run_tests(strict):
        sbc_spec = {"sbc": [entry], "strict": strict}
        inputs = {"ranks": {"one": str(ranks)}}
        sbc.run(Job(sbc_spec, tmp_path / "spec.json", "", inputs, {"csv": table}))

    refit = {**spec, "sbc": entry}
    inputs = {"data": str(data)}
    sbc_refit.run(Job(refit, tmp_path / "spec.json", "", inputs, {"table": ranks}))
    run_tests(strict=False)
    results = store.read_table(table)
    (row,) = results.itertuples()
    assert row.finding == "failed"
    assert "ValueError: broken on purpose" in row.message
    histograms = sbc_histograms(results, {"one": store.read_table(ranks)})
    assert sbc_figure.draw(results, histograms).axes
    with pytest.raises(InputError, match=r"sbc\.one failed: ValueError: broken"):
        run_tests(strict=True)
