"""A cell from start to end: its dataset, and what happens where the guide is wrong."""

import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.cell import fit_and_draw, require_gpu
from svi_atlas.records import Problem

COIN = problems.load("coin")
DATA = COIN.simulate(None, {"heads": 12, "tails": 8})
CELL = {
    "experiment": "coin", "model": "headstails", "guide": "beta", "block": "grid",
    "label": "particles-1", "num_particles": 1, "step_sizes": [0.01, 0.02], "seeds": [1, 2, 3],
    "num_steps": 40, "num_draws": 50, "num_mock": 7, "schedules": ["constant"], "until_arrived": False,
    "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
}  # fmt: skip


def run(problem=COIN, **changes):
    lines = []
    dataset = fit_and_draw(
        problem, {**CELL, **changes}, DATA, autoguide=None, num_snapshots=20, max_stored_mb=1,
        report=lines.append,
    )  # fmt: skip
    return dataset, lines


def test_the_dataset_of_a_cell():
    dataset, lines = run()
    assert dataset["loss"].dims == ("seed", "setting", "step")
    assert dataset["loss"].attrs == {"units": "nats", "stride": 1}
    assert dataset["path.alpha_q"].dims == ("seed", "setting", "snapshot")
    fit = ("iterate", "seed", "setting")
    assert dataset["param.alpha_q"].dims == dataset["elbo_gap"].dims == fit
    assert dataset["site.latent_fairness"].dims == (*fit, "draw")
    assert dataset["mock_guide.obs"].dims == ("seed", "setting", "mock", "mock_guide.obs_0")
    assert dataset["iterate"].to_numpy().tolist() == ["last", "averaged"]
    assert dataset["seed"].to_numpy().tolist() == [1, 2, 3]
    assert dataset["step_size"].to_numpy().tolist() == [0.01, 0.02]
    assert dataset["snapshot_step"].to_numpy().tolist() == list(range(2, 41, 2))
    assert dataset.sizes["mock"] == 7
    assert dataset.attrs["guide_check"] == dataset.attrs["guide_factors"] == ""
    assert {"device", "versions", "seconds_compile", "seconds_run", "seconds_draw"} <= set(
        dataset.attrs
    )
    assert any(line.startswith("drew 50 times") for line in lines)


def problem_with(guide):
    return Problem(COIN.name, COIN.source, COIN.simulate, COIN.models, {"beta": guide})


def test_a_guide_that_raises_is_a_result():
    def broken(data):
        raise ValueError("broken on purpose")

    dataset, lines = run(problem_with(broken))
    assert "broken on purpose" in dataset.attrs["message"]
    assert not dataset.data_vars
    assert dataset.attrs["guide"] == "beta"
    assert "broken on purpose" in dataset.attrs["guide_check"]
    assert lines[-1].startswith("failed: ")


def test_draws_outside_the_support_at_the_start_are_reported():
    def wide(data):
        loc = numpyro.param("loc", 0.5)
        numpyro.sample("latent_fairness", dist.Normal(loc, 1.0))

    dataset, lines = run(problem_with(wide), num_mock=0)
    assert "draws of the guide at the start fall" in dataset.attrs["guide_check"]
    assert any(line.startswith("guide check: warning") for line in lines)


def test_an_experiment_for_a_gpu_names_its_key():
    with pytest.raises(InputError, match=r"coin\.yaml: key 'gpu'"):
        require_gpu("coin")
