"""Every replica of a batched cell equals NumPyro's own SVI.run with the same seed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import optax
import pytest
from cases import CASES, load
from numpyro import optim
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO, TraceGraph_ELBO, TraceMeanField_ELBO, autoguide
from plane_fits import PLANE_DATA, default_fit, plane, plane_fit, plane_normal

from svi_atlas import problems
from svi_atlas.inference.data import Data
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.optimality import Look
from svi_atlas.inference.optimizers import NUMPYRO_OPTIMIZERS, Optimizer
from svi_atlas.inference.parameters import flatten_params
from svi_atlas.inference.schedules import SCHEDULES

COIN = problems.load("coin")
COIN_DATA = COIN.simulate(None, {"heads": 12, "tails": 8})
COIN_MODEL = COIN.models["headstails"]


def coin_guide(name):
    return guide_factory(COIN, "headstails", name)


def svi_run(
    model,
    make_guide,
    data,
    num_particles,
    step_size,
    seed,
    num_steps,
    optimizer=optim.Adam,
    loss=Trace_ELBO,
):
    """NumPyro's own fit; step_size is a number or a function of the step."""
    optimizer = optimizer(step_size)
    svi = SVI(model, make_guide(), optimizer, loss(num_particles=num_particles))

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


def mixture(data):
    modes = dist.Normal(jnp.array([-4.0, 4.0]), 1.0)
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(jnp.array([0.2, 0.8])), modes))


def weighted_mixture(data):
    weight = numpyro.param("weight", 0.5, constraint=constraints.unit_interval)
    modes = dist.Normal(numpyro.param("loc", jnp.array([-4.0, 4.0])), 1.0)
    weights = dist.Categorical(jnp.stack([weight, 1 - weight]))
    numpyro.sample("x", dist.MixtureSameFamily(weights, modes))


@pytest.mark.parametrize(
    ("loss", "model", "guide", "data"),
    [
        (TraceMeanField_ELBO, plane, plane_normal, PLANE_DATA),
        (TraceGraph_ELBO, plane, plane_normal, PLANE_DATA),
        (TraceGraph_ELBO, mixture, weighted_mixture, {}),
    ],
)
def test_every_loss_equals_svi_run(loss, model, guide, data):
    fits = fit_cell(
        model, lambda: guide, data, num_particles=4, step_sizes=(0.003, 0.03), seeds=(3, 1), num_steps=400,
        loss=loss.__name__,
    )  # fmt: skip
    result = svi_run(model, lambda: guide, data, 4, 0.03, 1, 400, loss=loss)
    assert_equals_svi_run(fits, (1, 1), result)
    if guide is weighted_mixture:
        assert abs(fits.path["weight"][1, 1, -1] - 0.2) < 0.01, "the weight of the target"


def test_every_replica_equals_svi_run():
    seeds, step_sizes = (3, 1, 7), (0.003, 0.03)
    fits = plane_fit(seeds=seeds, step_sizes=step_sizes)
    for i, seed in enumerate(seeds):
        for j, step_size in enumerate(step_sizes):
            result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, seed, 400)
            assert_equals_svi_run(fits, (i, j), result)


def fifth_root(x):
    return (1 - x) ** 0.2


@pytest.mark.parametrize("name", [*SCHEDULES, "own"])
def test_every_schedule_equals_svi_run_with_the_same_schedule(name):
    schedules = {"constant": SCHEDULES["constant"], **SCHEDULES, "own": fifth_root}
    fits = plane_fit(schedules=schedules, step_sizes=(0.003, 0.03))
    for j, peak in enumerate((0.003, 0.03)):
        setting = 2 * list(schedules).index(name) + j
        step_size = lambda step, peak=peak: peak * schedules[name](step / 400)  # noqa: E731
        result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, 2, 400)
        assert_equals_svi_run(fits, (1, setting), result)


def test_a_constant_schedule_is_the_same_beside_others():
    alone, _ = default_fit()
    beside = plane_fit(schedules=SCHEDULES)
    np.testing.assert_allclose(beside.loss[:, :2], alone.loss, rtol=1e-5, atol=1e-6)


NUMPYRO_OPTIONS = {"Momentum": {"mass": 0.9}}


@pytest.mark.parametrize("name", NUMPYRO_OPTIMIZERS)
def test_every_optimiser_of_numpyro_equals_svi_run(name):
    options = NUMPYRO_OPTIONS.get(name, {})
    fits = plane_fit(
        optimizer=Optimizer.from_dict({"name": name, "options": options}),
        step_sizes=(0.003,),
        schedules={"cosine": SCHEDULES["cosine"]},
    )
    step_size = lambda step: 0.003 * SCHEDULES["cosine"](step / 400)  # noqa: E731
    make = partial(getattr(optim, name), **options)
    result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, 2, 400, make)
    assert_equals_svi_run(fits, (1, 0), result)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adamw", {"weight_decay": 0.01}),
        ("rmsprop", {"momentum": 0.5}),
        ("lion", {}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("adafactor", {}),
    ],
)
def test_optimisers_of_optax_equal_svi_run(name, options):
    fits = plane_fit(
        optimizer=Optimizer.from_dict({"name": f"optax.{name}", "options": options}),
        step_sizes=(0.003,),
        schedules={"exponential": SCHEDULES["exponential"]},
    )

    def make(step_size):
        return optim.optax_to_numpyro(getattr(optax, name)(learning_rate=step_size, **options))

    step_size = lambda step: 0.003 * SCHEDULES["exponential"](step / 400)  # noqa: E731
    result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, 2, 400, make)
    assert_equals_svi_run(fits, (1, 0), result)


def restarted(name, lengths):
    """A schedule that starts again with every round, as a function of the step."""
    ends = np.cumsum(lengths)

    def factor(step):
        number = jax.numpy.searchsorted(jax.numpy.asarray(ends), step, side="right")
        begin = jax.numpy.asarray(ends - lengths)[number]
        return SCHEDULES[name]((step - begin) / jax.numpy.asarray(lengths)[number])

    return factor


@pytest.mark.parametrize("name", ["constant", "cosine"])
def test_fits_that_stop_equal_svi_run_with_restarts(name):
    """The first seed stops after the first round, the second after the third."""
    asked = []

    def look_at(iterates, elbo):
        asked.append(iterates["loc"].shape)
        stopped = np.array([[True], [len(asked) == 3]])
        return Look(stopped, np.full((2, 1), np.nan), np.full((2, 1), 10))

    fits = plane_fit(
        num_steps=620,
        schedules={name: SCHEDULES[name]},
        step_sizes=(0.03,),
        look_at=look_at,
    )
    lengths = np.array([20, 40, 80, 160, 320])
    assert fits.steps_used.tolist() == [[20], [140]]
    assert fits.arrived.all()
    assert fits.check_draws.tolist() == [[10], [30]]
    assert fits.loss.shape == (2, 1, 140)
    assert np.isnan(fits.loss[0, 0, 20:]).all()
    assert asked == [(2, 2, 1, 2)] * 3
    factor = restarted(name, lengths)
    for seed, steps in ((1, 20), (2, 140)):
        step_size = lambda step: 0.03 * factor(step)  # noqa: E731
        result = svi_run(plane, lambda: plane_normal, PLANE_DATA, 1, step_size, seed, steps)
        np.testing.assert_allclose(fits.loss[seed - 1, 0, :steps], result.losses, rtol=1e-4)
        last = fits.iterates["loc"][0, seed - 1, 0]
        np.testing.assert_allclose(last, result.params["loc"], rtol=1e-4)


def test_a_fit_that_never_arrives_uses_all_rounds():
    def never(iterates, elbo):
        return Look(np.zeros((2, 2), bool), np.full((2, 2), np.nan), np.full((2, 2), 10))

    fits = plane_fit(num_steps=620, look_at=never)
    assert fits.steps_used.tolist() == [[620, 620]] * 2
    assert not fits.arrived.any()
    assert (fits.check_draws == 50).all()


def test_a_fit_starts_where_it_is_told():
    first = plane_fit(step_sizes=(0.003, 0.03))
    last = {name: values[:, :, -1] for name, values in first.unconstrained.items()}
    second = plane_fit(step_sizes=(0.003, 0.03), num_steps=1, start=lambda start: last)
    svi = SVI(plane, plane_normal, optim.Adam(0.03), Trace_ELBO())
    state = svi.init(jax.random.PRNGKey(2), PLANE_DATA)
    start = {name: values[1, 1] for name, values in last.items()}
    state = state._replace(optim_state=svi.optim.init(start))
    state, loss = svi.update(state, PLANE_DATA)
    np.testing.assert_allclose(second.loss[1, 1, 0], loss, rtol=1e-5)
    expected = svi.get_params(state)["loc"]
    np.testing.assert_allclose(second.path["loc"][1, 1, -1], expected, rtol=1e-5)


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
        fit_cell(plane, lambda: plane_normal, far, **settings, optimizer=Optimizer(name))
        for name in ("ClippedAdam", "Adam")
    )
    result = svi_run(plane, lambda: plane_normal, far, 1, 0.01, 1, 200, optim.ClippedAdam)
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
@pytest.mark.parametrize(("case", "num_particles"), [(case, CASES[case][3][-1]) for case in CASES])
def test_every_case_of_the_benchmark_equals_svi_run(case, num_particles):
    model, make_guide, data = load(case)
    num_steps = 200 if "IAF" in case else 1000
    check_cell(model, make_guide, data, num_particles, num_steps)


def by_unique(data):
    """Works the number of groups out from the data, as `SVI.run` lets it."""
    with numpyro.plate("groups", len(np.unique(data["group"]))):
        level = numpyro.sample("level", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(level[data["group"]], 0.5), obs=data["y"])


def test_a_model_that_needs_values_of_its_data_equals_svi_run():
    data = {"group": np.repeat(np.arange(3), 2), "y": np.arange(6.0)}
    known = Data.for_model(data, by_unique)
    assert known.static == {"group"}
    check_cell(by_unique, lambda: autoguide.AutoNormal(by_unique), known, 2, 200)
