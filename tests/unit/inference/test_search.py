"""The search on posteriors whose families are known, and its own accounts."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

from svi_atlas.inference import search as search_module
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.laplace import Laplace, to_dataset
from svi_atlas.inference.schedules import SCHEDULES
from svi_atlas.inference.search_cell import search_and_draw
from svi_atlas.inference.search_pool import FIRST_COST, SearchPool
from svi_atlas.records import Problem

COVARIANCE = np.array([[1.0, 0.9], [0.9, 1.0]])
DATA = {"nothing": np.zeros(1, np.float32)}
SEEDS = (1, 2, 3, 4, 5)


def correlated(data):
    numpyro.sample("x", dist.MultivariateNormal(jnp.array([3.0, -2.0]), jnp.asarray(COVARIANCE)))


PROBLEM = Problem("correlated", "a Normal", lambda key, settings: DATA, {"m": correlated}, {})

EXACT = Laplace(
    np.array([3.0, -2.0]), np.linalg.cholesky(COVARIANCE), np.zeros((1, 2)), np.zeros(1), ""
)
ROUGH = Laplace(np.array([2.7, -2.0]), 1.3 * np.eye(2), np.zeros((1, 2)), np.zeros(1), "")
UNUSABLE = Laplace.unusable("a funnel", 2)


def run(guide="AutoMultivariateNormal", laplace=ROUGH, **options):
    cell = {
        "experiment": "e", "model": "m", "guide": guide, "block": "search", "label": "search",
        "seeds": SEEDS, "budget": 16_000, "num_draws": 500, "cheaper": (),
        "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
    }  # fmt: skip
    lines = []
    dataset = search_and_draw(
        PROBLEM, {**cell, **options.pop("cell", {})}, DATA, laplace=to_dataset(laplace),
        max_gap=0.0005, report=lines.append, **options,
    )  # fmt: skip
    return dataset, lines


@pytest.fixture(scope="module")
def found():
    return run()


@pytest.mark.slow
def test_all_seeds_arrive_at_the_posterior(found):
    dataset, _ = found
    assert dataset["arrived"].sum() >= 4
    np.testing.assert_allclose(dataset["site.x"].mean("draw")[0, ..., 0], 3.0, atol=0.2)
    scale = dataset["param.auto_scale_tril"].isel(iterate=0, setting=0).to_numpy()
    np.testing.assert_allclose(scale @ scale.swapaxes(1, 2), [COVARIANCE] * 5, atol=0.1)


@pytest.mark.slow
def test_its_fits_equal_svi_run_with_the_same_schedule(found):
    """Rounds of twice as many steps, each a cosine from half the peak of the one before."""
    dataset, _ = found
    make_guide = guide_factory(
        PROBLEM, "m", "AutoMultivariateNormal", {"class": "AutoMultivariateNormal", "whitened": True}, ROUGH
    )  # fmt: skip
    arrived = dataset["trial_arrived"] & (dataset["trial_num_particles"] == dataset.num_particles)
    first = int(dataset["trial_num_steps"].where(arrived).max())
    ends = first * (2 ** np.arange(1, 6) - 1)

    def step_size(step):
        number = jnp.searchsorted(jnp.asarray(ends), step, side="right")
        begin = jnp.concatenate([jnp.zeros(1), jnp.asarray(ends, float)])[number]
        share = (step - begin) / (first * 2.0**number)
        return float(dataset["step_size"][0]) * 0.5**number * SCHEDULES["cosine"](share)

    loss = Trace_ELBO(num_particles=dataset.attrs["num_particles"])
    svi = SVI(correlated, make_guide(), Adam(step_size), loss)
    for place in (0, int(np.argmax(dataset["steps_used"].to_numpy()[:, 0]))):
        num_steps = int(dataset["steps_used"][place, 0])
        key = jax.random.PRNGKey(SEEDS[place])
        result = svi.run(key, num_steps, DATA, progress_bar=False, stable_update=True)
        losses = dataset["loss"][place, 0].to_numpy()[:num_steps]
        np.testing.assert_allclose(losses, result.losses, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_its_accounts_add_up(found):
    dataset, _ = found
    num_particles = dataset.attrs["num_particles"]
    steps = dataset["steps_used"].to_numpy()
    of_checks = dataset["gradient_evaluations"].to_numpy() - steps * num_particles
    assert (of_checks >= 1000).all()
    trials = dataset["trial_gradient_evaluations"] - (
        dataset["trial_num_steps"] * dataset["trial_num_particles"]
    )
    assert set(trials.to_numpy()) <= {1_000, 17_000}
    assert dataset.sizes["trial"] >= 12
    losses = dataset["loss"].notnull().sum("step") * dataset["loss"].attrs["stride"]
    np.testing.assert_array_equal(losses, steps)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["trials", "fits"])
def test_it_is_deterministic_and_resumes(found, tmp_path, monkeypatch, part):
    """Interrupted after its first trials, or after the first round of its fits, it repeats neither."""
    dataset, _ = found
    checkpoint = Checkpoint(tmp_path / "search.npz", "spec", seconds=0.0)
    save, fit = Checkpoint.save, SearchPool.fit

    def save_and_stop(self, tree):
        save(self, tree)
        if self.path.name == {"trials": "search.trials.npz", "fits": "search.npz"}[part]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=checkpoint)
    monkeypatch.setattr(Checkpoint, "save", save)
    fitted = []
    monkeypatch.setattr(
        SearchPool, "fit", lambda *args, **options: fitted.append(1) or fit(*args, **options)
    )
    resumed, _ = run(checkpoint=checkpoint)
    for name in ("loss", "param.auto_loc", "gradient_evaluations", "trial_gap"):
        np.testing.assert_array_equal(resumed[name], dataset[name], err_msg=name)
    rungs = len(np.unique(dataset["trial_num_steps"] * dataset["trial_num_particles"]))
    assert len(fitted) <= 2 * rungs if part == "trials" else len(fitted) == 1
    checkpoint.remove()
    assert not list(tmp_path.iterdir())


@pytest.fixture
def one_program(monkeypatch):
    """One number of particles: half as much to compile."""
    monkeypatch.setattr(search_module, "NUM_PARTICLES", (8,))


@pytest.mark.slow
def test_a_guide_that_starts_as_the_posterior_arrives_at_the_first_rung(one_program):
    dataset, lines = run(laplace=EXACT)
    assert dataset["arrived"].to_numpy().all()
    cost = dataset["trial_num_steps"] * dataset["trial_num_particles"]
    assert cost.max() <= FIRST_COST
    assert "left to gain" in lines[0]


@pytest.mark.slow
def test_without_a_laplace_approximation_it_starts_plainly_and_says_so(one_program):
    dataset, _ = run(laplace=UNUSABLE)
    assert dataset.attrs["whitened"] == 0
    assert "a funnel" in dataset.attrs["start"]
    assert "whitening_loc" not in dataset


def test_families_that_are_not_tried():
    dataset, _ = run(sufficient="AutoDiagonalNormal")
    assert dataset.attrs["skipped"] == "AutoDiagonalNormal is adequate"
    assert not dataset.data_vars
    one = Laplace(np.zeros(1), np.eye(1), np.zeros((1, 1)), np.zeros(1), "")
    for guide in ("AutoIAFNormal", "AutoBNAFNormal"):
        assert "two dimensions" in run(guide, one)[0].attrs["skipped"]
    cheaper = {"cheaper": ("AutoDiagonalNormal",)}
    dataset, _ = run(laplace=one, cell=cheaper)
    assert "same family as AutoDiagonalNormal" in dataset.attrs["skipped"]


@pytest.mark.slow
def test_few_snapshots_are_kept_of_many_parameters(one_program):
    """So that the weights of a flow, of all seeds and snapshots, stay within the limit."""
    few, _ = run(laplace=EXACT, max_stored_mb=1e-6)
    plenty, _ = run(laplace=EXACT)
    assert few.sizes["snapshot"] < plenty.sizes["snapshot"]
    assert few["arrived"].all()
    steps = few["snapshot_step"].to_numpy()
    assert steps.size == 1 or (np.diff(steps) == steps[0]).all()
