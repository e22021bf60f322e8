"""Every replica of a batched cell equals NumPyro's own SVI.run with the same seed."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from cases import CASES, load
from numpyro import optim
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO, autoguide

from svi_atlas import problems
from svi_atlas.inference.checkpoint import Checkpoint
from svi_atlas.inference.fit import ModelError, fit_cell, flat
from svi_atlas.inference.guides import guide_factory

COIN = problems.load("coin")
COIN_DATA = COIN.simulate(None, {"heads": 12, "tails": 8})
COIN_MODEL = COIN.models["headstails"]


def coin_guide(name):
    return guide_factory(COIN, "headstails", name)


def plane(data):
    """Two correlated coordinates with one observation of each: smooth, unconstrained, 2-d."""
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    y = numpyro.sample("y", dist.Normal(0.8 * x, 0.6))
    numpyro.sample("obs", dist.Normal(jnp.stack([x, y]), 1.0).to_event(1), obs=data["obs"])


PLANE_DATA = {"obs": np.array([0.5, -1.0], np.float32)}


def plane_normal(data):
    loc = numpyro.param("loc", jnp.zeros(2))
    scale = numpyro.param("scale", jnp.ones(2), constraint=constraints.positive)
    numpyro.sample("x", dist.Normal(loc[0], scale[0]))
    numpyro.sample("y", dist.Normal(loc[1], scale[1]))


def plane_fit(**changes):
    settings = {
        "num_particles": 1,
        "step_sizes": (0.003, 0.03),
        "seeds": (1, 2),
        "num_steps": 400,
        "num_snapshots": 40,
    }
    return fit_cell(plane, lambda: plane_normal, PLANE_DATA, **{**settings, **changes})


@cache
def default_fit():
    """A fit with the default settings, and its progress lines."""
    lines = []
    return plane_fit(report=lines.append), lines


def svi_run(model, make_guide, data, num_particles, step_size, seed, num_steps, optimizer="Adam"):
    optimizer = getattr(optim, optimizer)(step_size)
    svi = SVI(model, make_guide(), optimizer, Trace_ELBO(num_particles=num_particles))

    @jax.jit
    def run(key):
        return svi.run(key, num_steps, data, progress_bar=False)

    return run(jax.random.PRNGKey(seed))


def assert_equals_svi_run(fits, position, result, parameters=True):
    seed, step_size = position
    np.testing.assert_allclose(fits.loss[seed, step_size], result.losses, rtol=1e-4, atol=1e-5)
    if not parameters:
        return
    expected = flat(result.params)
    assert fits.path.keys() == expected.keys()
    for name, value in expected.items():
        found = fits.path[name][seed, step_size, -1]
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5, err_msg=name)


def check_cell(model, make_guide, data, num_particles, num_steps, parameters=True):
    """Compare the last replica of a cell with SVI.run."""
    fits = fit_cell(
        model,
        make_guide,
        data,
        num_particles=num_particles,
        step_sizes=(1e-3, 1e-2),
        seeds=(1, 4),
        num_steps=num_steps,
        num_snapshots=100,
    )
    assert fits.loss.shape == (2, 2, num_steps)
    result = svi_run(model, make_guide, data, num_particles, 1e-2, 4, num_steps)
    assert_equals_svi_run(fits, (1, 1), result, parameters)


def test_every_replica_equals_svi_run():
    seeds, step_sizes = (3, 1, 7), (0.003, 0.03)
    fits = plane_fit(seeds=seeds, step_sizes=step_sizes)
    for i, seed in enumerate(seeds):
        for j, step_size in enumerate(step_sizes):
            result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, seed, 400)
            assert_equals_svi_run(fits, (i, j), result)


COIN_GUIDES = (
    *COIN.guides,
    "AutoNormal",
    "AutoMultivariateNormal",
    "AutoLaplaceApproximation",
)


@pytest.mark.parametrize("guide", COIN_GUIDES)
def test_coin_equals_svi_run(guide):
    check_cell(COIN_MODEL, coin_guide(guide), COIN_DATA, num_particles=1, num_steps=1000)


@pytest.mark.parametrize("guide", ["normal", "AutoNormal"])
def test_coin_equals_svi_run_with_8_particles(guide):
    check_cell(COIN_MODEL, coin_guide(guide), COIN_DATA, num_particles=8, num_steps=1000)


@pytest.mark.parametrize(
    ("name", "num_steps"),
    [
        ("AutoDiagonalNormal", 1000),
        ("AutoLowRankMultivariateNormal", 1000),
        pytest.param("AutoIAFNormal", 200, marks=pytest.mark.slow),
        pytest.param("AutoBNAFNormal", 200, marks=pytest.mark.slow),
    ],
)
def test_autoguide_equals_svi_run(name, num_steps):
    # A block neural autoregressive flow normalises its weights. Where a weight cancels, its gradient
    # is rounding noise, which Adam turns into whole steps: only the losses are determined.
    determined = name != "AutoBNAFNormal"
    check_cell(plane, lambda: getattr(autoguide, name)(plane), PLANE_DATA, 1, num_steps, determined)


def test_clipped_adam_equals_svi_run_and_differs_from_adam():
    far = {"obs": np.array([60.0, -80.0], np.float32)}
    settings = {"num_particles": 1, "step_sizes": (0.01,), "seeds": (1,), "num_steps": 200}
    clipped, plain = (
        fit_cell(plane, lambda: plane_normal, far, **settings, optimizer=name)
        for name in ("ClippedAdam", "Adam")
    )
    result = svi_run(plane, lambda: plane_normal, far, 1, 0.01, 1, 200, "ClippedAdam")
    assert_equals_svi_run(clipped, (0, 0), result)
    assert not np.allclose(clipped.loss, plain.loss, rtol=1e-4)


def test_number_of_steps_that_does_not_divide():
    fits = plane_fit(num_steps=1003, num_snapshots=100)
    assert fits.loss.shape == (2, 2, 1003)
    assert fits.snapshot_step[-1] == 1003
    assert (np.diff(fits.snapshot_step) > 0).all()
    assert fits.path["loc"].shape == (2, 2, len(fits.snapshot_step), 2)
    result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, 0.03, 2, 1003)
    assert_equals_svi_run(fits, (1, 1), result)


def test_snapshots_are_the_parameters_at_their_step():
    fits = plane_fit(num_steps=203, num_snapshots=20)
    for index in (7, len(fits.snapshot_step) - 1):
        step = int(fits.snapshot_step[index])
        result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, 0.03, 1, step)
        np.testing.assert_allclose(fits.path["loc"][0, 1, index], result.params["loc"], rtol=1e-4)


def test_iterates_are_the_last_one_and_the_mean_of_the_last_quarter():
    fits, _ = default_fit()
    trace = fits.unconstrained["loc"]
    np.testing.assert_array_equal(fits.iterates["loc"][0], trace[:, :, -1])
    last_quarter = trace[:, :, fits.snapshot_step > 300].mean(2)
    np.testing.assert_allclose(fits.iterates["loc"][1], last_quarter, rtol=1e-6)


@pytest.mark.parametrize("num_steps", [1, 7, 39])
def test_fewer_steps_than_snapshots(num_steps):
    fits = plane_fit(num_steps=num_steps, step_sizes=(0.03,), seeds=(1,))
    assert fits.snapshot_step.tolist() == list(range(1, num_steps + 1))
    assert np.isfinite(fits.loss).all()


def test_adding_a_seed_changes_no_other_fit():
    (fewer, _), more = default_fit(), plane_fit(seeds=(1, 2, 9))
    np.testing.assert_allclose(more.loss[:2], fewer.loss, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(more.path["loc"][:2], fewer.path["loc"], rtol=1e-5, atol=1e-6)
    assert not np.allclose(more.loss[2], fewer.loss[1], rtol=1e-3)


def test_adding_a_step_size_changes_no_other_fit():
    (fewer, _), more = default_fit(), plane_fit(step_sizes=(0.003, 0.01, 0.03))
    np.testing.assert_allclose(more.loss[:, [0, 2]], fewer.loss, rtol=1e-5, atol=1e-6)


def edge_fit(**settings):
    """Fits of a guide that now and then leaves the model's support: its loss then is infinite."""

    def model(data):
        numpyro.sample("x", dist.LogNormal(0.0, 0.5))

    def guide(data):
        loc = numpyro.param("loc", 1.0)
        numpyro.sample("x", dist.Normal(loc, 0.5))

    return fit_cell(
        model, lambda: guide, {}, num_particles=1, step_sizes=(0.001, 0.01), seeds=(1, 2),
        num_steps=1000, num_snapshots=20, **settings,
    )  # fmt: skip


def test_losses_that_are_not_finite_are_counted_one_by_one():
    whole = edge_fit()
    bad = ~np.isfinite(whole.loss)
    assert (bad.mean(-1) > 0.005).all()
    thin = edge_fit(max_stored_bytes=whole.loss.nbytes / 10)
    assert thin.loss_stride == 10
    for fits in (whole, thin):
        np.testing.assert_allclose(fits.nonfinite, bad.mean(-1))
        np.testing.assert_array_equal(fits.first_nonfinite, bad.argmax(-1) + 1)
    blocks = np.where(bad, np.nan, whole.loss).reshape(2, 2, -1, 10)
    np.testing.assert_allclose(thin.loss, np.nanmean(blocks, -1), rtol=1e-5)


def test_where_all_losses_are_finite_there_is_no_first_bad_one():
    fits, _ = default_fit()
    assert (fits.nonfinite == 0).all()
    assert np.isnan(fits.first_nonfinite).all()


class Interrupted(Exception):
    pass


def test_losses_and_snapshots_over_the_budget_are_thinned():
    whole, _ = default_fit()
    thin = plane_fit(max_stored_bytes=whole.loss.nbytes / 4)
    assert thin.loss_stride == 4
    means = whole.loss.reshape(2, 2, -1, 4).mean(-1)
    np.testing.assert_allclose(thin.loss, means, rtol=1e-6)
    np.testing.assert_array_equal(thin.path["loc"][:, :, -1], whole.path["loc"][:, :, -1])
    assert 20 <= thin.path["loc"].shape[2] < whole.path["loc"].shape[2] == 40
    assert plane_fit(max_stored_bytes=1.0).path["loc"].shape[2] == 20


def test_resumed_fit_equals_an_uninterrupted_one(tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 8:
            raise Interrupted

    def checkpoint(spec="spec"):
        return Checkpoint(tmp_path / "some" / "fit.npz", spec, seconds=0.0)

    (whole, _), lines = default_fit(), []
    with pytest.raises(Interrupted):
        plane_fit(report=interrupt, checkpoint=checkpoint())
    resumed_lines = []
    resumed = plane_fit(report=resumed_lines.append, checkpoint=checkpoint())
    assert len(resumed_lines) == 20 - 8
    assert "resumed at 160" in resumed_lines[0]
    np.testing.assert_array_equal(resumed.loss, whole.loss)
    for name, values in whole.path.items():
        np.testing.assert_array_equal(resumed.path[name], values)
    for name, values in whole.iterates.items():
        np.testing.assert_array_equal(resumed.iterates[name], values)


def test_checkpoint_of_another_spec_or_a_broken_one_is_ignored(tmp_path):
    path = tmp_path / "fit.npz"
    tree = {"a": np.arange(3.0), "b": 2}
    Checkpoint(path, "one", seconds=0.0).save(tree)
    loaded = Checkpoint(path, "one").load(tree)
    np.testing.assert_array_equal(loaded["a"], tree["a"])
    assert loaded["b"] == 2
    assert Checkpoint(path, "two").load(tree) is None
    path.write_bytes(path.read_bytes()[:100])
    assert Checkpoint(path, "one").load(tree) is None
    assert Checkpoint(tmp_path / "absent.npz", "one").load(tree) is None


def test_checkpoint_is_saved_no_more_often_than_asked(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz", "spec", seconds=1000.0)
    checkpoint.save({"a": np.zeros(2)})
    assert not checkpoint.path.exists()


def test_progress_lines():
    _, lines = default_fit()
    assert len(lines) == 20
    assert lines[-1].startswith("step 400 of 400")
    assert "steps/s" in lines[-1]
    assert "100% of replicas finite" in lines[-1]


def test_progress_names_the_share_of_finite_replicas():
    lines = []
    fits = fit_cell(
        plane,
        lambda: plane_normal,
        PLANE_DATA,
        num_particles=1,
        step_sizes=(0.001, float("inf")),
        seeds=(1,),
        num_steps=40,
        report=lines.append,
    )
    assert np.isfinite(fits.loss[0, 0]).all()
    assert not np.isfinite(fits.loss[0, 1, -1])
    assert "50% of replicas finite" in lines[-1]


def test_guide_that_raises_becomes_a_model_error_with_its_message():
    def broken(data):
        raise ValueError("the guide is broken on purpose")

    with pytest.raises(ModelError, match="ValueError: the guide is broken on purpose"):
        fit_cell(
            plane,
            lambda: broken,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_guide_without_a_message_still_says_what_it_raised():
    def broken(data):
        raise NotImplementedError

    with pytest.raises(ModelError, match=r"NotImplementedError: \(no message\)"):
        fit_cell(
            plane,
            lambda: broken,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_guide_that_misses_a_site_becomes_a_model_error():
    def only_x(data):
        numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.deterministic("y", jnp.zeros(()))

    with pytest.raises(ModelError, match="must be sampled in trace"):
        fit_cell(
            plane,
            lambda: only_x,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_lack_of_memory_is_no_model_error():
    def hungry(data):
        raise MemoryError

    with pytest.raises(MemoryError):
        fit_cell(
            plane,
            lambda: hungry,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


TUTORIAL_SETTINGS = {"step_sizes": (5e-4,), "seeds": (1,), "num_steps": 10_000}
"""Of the origin's beta runs."""


def tutorial_run(num_particles):
    return fit_cell(
        COIN_MODEL,
        coin_guide("beta"),
        COIN_DATA,
        num_particles=num_particles,
        **TUTORIAL_SETTINGS,
    )


@pytest.mark.slow
@pytest.mark.parametrize(("num_particles", "published"), [(1, 14.7887), (32, 14.7885)])
def test_named_origin_run(num_particles, published):
    fits = tutorial_run(num_particles)
    result = svi_run(COIN_MODEL, coin_guide("beta"), COIN_DATA, num_particles, 5e-4, 1, 10_000)
    assert_equals_svi_run(fits, (0, 0), result)
    assert fits.loss[0, 0, -500:].mean() == pytest.approx(published, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_particles", "first", "last_mean", "alpha_q", "beta_q"),
    [(1, 18.0005, 14.7887, 12.262, 8.557), (32, 15.1206, 14.7885, 12.939, 8.961)],
)
def test_origin_run_to_all_its_digits(num_particles, first, last_mean, alpha_q, beta_q):
    # The origin ran before JAX made its random bits partitionable; with that off, its printed losses
    # come out to every digit (and alpha_q, beta_q of 1 particle, which it prints as 12.3 and 8.6).
    with jax.threefry_partitionable(False):
        fits = tutorial_run(num_particles)
    assert fits.loss[0, 0, 0] == pytest.approx(first, abs=6e-5)
    assert fits.loss[0, 0, -500:].mean() == pytest.approx(last_mean, abs=6e-5)
    assert fits.path["alpha_q"][0, 0, -1] == pytest.approx(alpha_q, rel=1e-3)
    assert fits.path["beta_q"][0, 0, -1] == pytest.approx(beta_q, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "num_particles"), [(case, each) for case in CASES for each in CASES[case][3]]
)
def test_every_case_of_the_benchmark_equals_svi_run(case, num_particles):
    model, make_guide, data = load(case)
    num_steps = 200 if "IAF" in case else 1000
    check_cell(model, make_guide, data, num_particles, num_steps)
