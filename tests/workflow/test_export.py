"""Fits for other programs: the same draws for ArviZ, and parameters that plain NumPyro draws the same from."""

import jax
import numpy as np
import pytest
import xarray as xr
from numpyro.infer import Predictive
from numpyro.infer.autoguide import AutoNormal

from svi_atlas import problems
from svi_atlas.cli import main
from svi_atlas.errors import InputError
from svi_atlas.report.export import export
from svi_atlas.results.store import read_table

pytestmark = pytest.mark.slow


@pytest.fixture
def exported(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished.path)
    (one,) = export("line", tmp_path)
    return one


def test_the_draws_are_those_of_the_fit_with_its_verdict(exported, finished):
    tree = xr.open_datatree(exported.draws, engine="h5netcdf")
    posterior = tree["posterior"]
    assert posterior["mean"].dims == ("chain", "draw")
    table = read_table(finished.path / "results/line/fits.parquet")
    rows = table[(table["guide"] == posterior.attrs["guide"]) & (table["block"] == "grid")]
    rows = rows[(rows["step_size"] == float(posterior.attrs["step_size"]))]
    (row,) = rows[rows["seed"] == int(posterior.attrs["seed"])].itertuples()
    assert posterior.attrs["verdict"] == row.verdict
    stats = tree["sample_stats"]
    elbo = float((stats["log_joint"] - stats["log_guide"]).mean())
    assert elbo == pytest.approx(row.elbo, abs=1e-5)
    assert float(tree["reference"]["mean"].std()) == pytest.approx(0.5**0.5, rel=0.05)


def test_plain_numpyro_draws_the_same_from_the_parameters(exported, finished):
    posterior = xr.open_datatree(exported.draws, engine="h5netcdf")["posterior"]
    assert "np.load" in exported.how_to_load
    problem = problems.load(str(finished.path / "examples/own_model/line.py"))
    guide = problem.guides["wide"]
    assert posterior.attrs["guide"] in exported.how_to_load
    if posterior.attrs["guide"] != "wide":
        guide = AutoNormal(problem.models["line"])
    params = dict(np.load(exported.params))
    draws = Predictive(guide, params=params, num_samples=20_000)(jax.random.PRNGKey(0), {"y": 1.5})
    mean, sd = float(posterior["mean"].mean()), float(posterior["mean"].std())
    error = sd / np.sqrt(posterior.sizes["draw"])
    assert float(draws["mean"].mean()) == pytest.approx(mean, abs=5 * error)
    assert float(draws["mean"].std()) == pytest.approx(sd, abs=5 * error)


def test_the_command(finished, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(finished.path)
    assert main(["export", "coin", "--output", str(tmp_path)]) == 0
    assert "arviz.from_netcdf reads it" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"no results/gone/fits\.parquet; run the experiment"):
        list(export("gone", tmp_path))
