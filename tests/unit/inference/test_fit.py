"""Every replica of a batched cell equals NumPyro's own SVI.run with the same seed."""

import jax
import numpy as np
import pytest
from cases import CASES, load
from numpyro import optim
from numpyro.infer import SVI, Trace_ELBO, autoguide
from plane_fits import PLANE_DATA, default_fit, plane, plane_fit, plane_normal

from svi_atlas import problems
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.parameters import flatten_params

COIN = problems.load("coin")
COIN_DATA = COIN.simulate(None, {"heads": 12, "tails": 8})
COIN_MODEL = COIN.models["headstails"]


def coin_guide(name):
    return guide_factory(COIN, "headstails", name)


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
    expected = flatten_params(result.params)
    assert fits.path.keys() == expected.keys()
    for name, value in expected.items():
        final = fits.path[name][seed, step_size, -1]
        np.testing.assert_allclose(final, value, rtol=1e-4, atol=1e-5, err_msg=name)


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


def test_losses_and_snapshots_over_the_budget_are_thinned():
    full, _ = default_fit()
    thin = plane_fit(max_stored_bytes=full.loss.nbytes / 4)
    assert thin.loss_stride == 4
    means = full.loss.reshape(2, 2, -1, 4).mean(-1)
    np.testing.assert_allclose(thin.loss, means, rtol=1e-6)
    np.testing.assert_array_equal(thin.path["loc"][:, :, -1], full.path["loc"][:, :, -1])
    assert 20 <= thin.path["loc"].shape[2] < full.path["loc"].shape[2] == 40
    assert plane_fit(max_stored_bytes=1.0).path["loc"].shape[2] == 20


TUTORIAL_SETTINGS = {"step_sizes": (5e-4,), "seeds": (1,), "num_steps": 10_000}
"""Of the tutorial's beta runs."""


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
def test_named_tutorial_run(num_particles, published):
    fits = tutorial_run(num_particles)
    result = svi_run(COIN_MODEL, coin_guide("beta"), COIN_DATA, num_particles, 5e-4, 1, 10_000)
    assert_equals_svi_run(fits, (0, 0), result)
    assert fits.loss[0, 0, -500:].mean() == pytest.approx(published, abs=0.003)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_particles", "first", "last_mean", "alpha_q", "beta_q"),
    [(1, 18.0005, 14.7887, 12.262, 8.557), (32, 15.1206, 14.7885, 12.939, 8.961)],
)
def test_tutorial_run_to_all_its_digits(num_particles, first, last_mean, alpha_q, beta_q):
    # The tutorial ran before JAX made its random bits partitionable; with that off, its printed losses
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
