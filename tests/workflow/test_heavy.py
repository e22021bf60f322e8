"""The heavy experiments at their reduced setting: small enough for two CPU cores."""

import numpy as np
import pytest
import xarray as xr

from support import ROOT, Project
from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.results import store

FOLDER = "results/heavy_reduced"

CELLS = {
    "coin_seeds": "headstails/beta/particles-1",
    "bimodal_seeds": "stable/AutoNormal/particles-16",
    "rotated_gaussian_seeds": "unconstrained/AutoMultivariateNormal/particles-1",
    "factor_thread_seeds": "sample/sample/particles-1",
    "hierarchical_regression": "regression/AutoNormal/particles-1",
    "logistic_regression": "minibatches/AutoMultivariateNormal/particles-1",
    "full_rank": "chain/AutoMultivariateNormal/particles-8",
}
"""One cell of each."""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project.clone(tmp_path_factory.mktemp("heavy") / "project")
    files = [f"{FOLDER}/{name}/diagnostics/{cell}.parquet" for name, cell in CELLS.items()]
    config = ("--configfile", "config/config.yaml", "config/heavy_reduced.yaml")
    project.run(*config, "--", *files, f"{FOLDER}/coin_seeds/figures/seeds.png")
    return project


def test_every_gpu_experiment_has_a_reduced_setting():
    files = {file.stem: read_yaml(file) for file in ROOT.glob("config/experiments/*.yaml")}
    wanted = {name for name, settings in files.items() if settings.get("gpu")}
    assert wanted == CELLS.keys()
    assert set(read_yaml(ROOT / "config/heavy_reduced.yaml")["experiments"]) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_reduced(project, name):
    """Losses and densities are finite, the ELBO keeps below the evidence, and the device is named."""
    table = store.read_table(project.path / f"{FOLDER}/{name}/diagnostics/{CELLS[name]}.parquet")
    with xr.open_dataset(project.path / f"{FOLDER}/{name}/fits/{CELLS[name]}.nc") as fit:
        assert fit.attrs["device"]
        assert len(table) == fit.sizes["seed"] * fit.sizes["setting"] > 1
        assert np.isfinite(fit["loss"]).all()
    assert np.isfinite(table["elbo"]).all()
    # KL(q||p) = ln Z - ELBO: no less than 0, within five standard errors.
    assert (table["kl"] > -5 * table["kl_se"]).all()
