"""A guide that raises: from the stages to the figure and the page."""

from pathlib import Path

import pytest
import xarray as xr

from svi_atlas.errors import InputError
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.stages import sbc, sbc_refit
from svi_atlas.plots import sbc as sbc_figure
from svi_atlas.report import show as notebook
from svi_atlas.results import store
from svi_atlas.results.paths import Layout

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
    layout, data = Layout(str(tmp_path)), tmp_path / "data.nc"
    store.write_dataset(xr.Dataset({"y": ((), 0.5)}), data, "")
    entry = {
        "name": "one", "model": "m", "guide": "broken", "num_particles": 1, "step_size": 0.1,
        "num_steps": 10, "simulations": 20, "num_draws": 100, "optimizer": "Adam",
    }  # fmt: skip
    spec = {
        "experiment": "mine", "problem": str(tmp_path / "mine.py"), "calibration": entry,
        "calibrations": [entry], "autoguide": None, "strict": False,
    }  # fmt: skip
    refits, table = Path(layout.refits("mine", "one")), Path(layout.calibration("mine"))
    refits.parent.mkdir(parents=True)
    inputs = {"data": data, "results": tmp_path}
    sbc_refit.run(Job(spec, "", inputs, {"table": refits}, 1))
    sbc.run(Job(spec, "", inputs, {"csv": table}, 1))
    (row,) = store.read_table(table).itertuples()
    assert row.finding == "failed"
    assert "ValueError: broken on purpose" in row.message
    results = store.Results(str(tmp_path), "mine")
    assert sbc_figure.draw(results).axes
    assert "broken on purpose" in notebook.calibration(results).data
    with pytest.raises(InputError, match=r"sbc\.one failed: ValueError: broken"):
        sbc.run(Job({**spec, "strict": True}, "", inputs, {"csv": table}, 1))
