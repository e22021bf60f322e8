"""The accelerations change no draw: random numbers, hoisting, cached noise, and their switch."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import autoguide
from numpyro.infer.util import log_density

from svi_atlas.inference.acceleration import PARTS, accelerated, gamma, hoist, switch
from svi_atlas.inference.acceleration.cached_noise import CacheBaseNoise
from svi_atlas.inference.acceleration.switch import is_active

KEY = jax.random.PRNGKey(3)
CONCENTRATIONS = (0.3, 1.2, 2.5, 12.0, 300.0)


# Random numbers: threefry and gamma.


def both(function, *arguments):
    """Results of the fast and of the plain path, compiled afresh."""
    with accelerated():
        fast = jax.jit(lambda *a: function(*a))(*arguments)
    return fast, jax.jit(lambda *a: function(*a))(*arguments)


def test_bits_are_the_same():
    def draws(key):
        keys = jax.random.split(key, 5)
        shapes = (), (3,), (63,), (64,), (1, 67, 3), (5, 200)
        alone = [jax.random.normal(key, shape) for shape in shapes]
        batched = [jax.vmap(lambda k: jax.random.bits(k, shape))(keys) for shape in shapes]  # noqa: B023
        return keys, alone, batched

    jax.tree.map(np.testing.assert_array_equal, *both(draws, KEY))


@pytest.mark.parametrize("draw", [jax.random.gamma, jax.random.loggamma])
def test_gamma_draws_and_gradients_are_the_same(draw):
    def variates_and_gradient(a):
        variates, pullback = jax.vjp(lambda a: draw(KEY, a), a)
        return variates, pullback(jnp.ones_like(variates))[0]

    fast, plain = jax.jit(variates_and_gradient), jax.jit(lambda a: variates_and_gradient(a))
    arrays = [jnp.linspace(size, 1.1 * size, 1000) for size in CONCENTRATIONS]
    with accelerated():
        results = [fast(a) for a in arrays]
    for actual, expected in zip(results, map(plain, arrays), strict=True):
        np.testing.assert_allclose(actual[0], expected[0], rtol=1e-6)
        np.testing.assert_allclose(actual[1], expected[1], rtol=5e-5)


def test_a_few_concentrations_out_of_range_do_not_change_the_others():
    a = jnp.linspace(3.0, 30.0, 200).at[jnp.array([3, 70])].set(jnp.array([0.2, jnp.nan]))
    (fast, slope), (plain, plain_slope) = both(
        lambda a: (
            jax.random.loggamma(KEY, a),
            jax.grad(lambda a: jax.random.loggamma(KEY, a).sum())(a),
        ),
        a,
    )
    np.testing.assert_allclose(fast, plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, plain_slope, rtol=5e-5)
    assert np.isnan(fast[70])
    assert np.isfinite(np.delete(fast, 70)).all()


def test_gamma_gradient_is_near_the_one_in_double_precision():
    a = np.exp(np.linspace(np.log(2.0), np.log(500.0), 40))[:, None]
    quantile = np.linspace(-5.5, 5.5, 41)
    x = a * np.maximum(1 - 1 / (9 * a) + quantile / (3 * np.sqrt(a)), 0.03) ** 3
    with jax.enable_x64(True):
        exact = np.asarray(jax.lax.random_gamma_grad(np.broadcast_to(a, x.shape).copy(), x)) / x
    a, log_x = np.broadcast_to(a, x.shape).astype(np.float32), np.log(x).astype(np.float32)
    np.testing.assert_allclose(gamma._log_slope(a, log_x), exact, rtol=3e-5)


def test_batched_over_keys_and_concentrations_as_in_a_cell():
    keys, a = jax.random.split(KEY, 6), jnp.linspace(4.0, 20.0, 3)

    def draws(key, a):
        return jax.value_and_grad(lambda a: jax.random.beta(key, a, 2 * a, (16,)).sum())(a)

    def cell(keys, a):
        return jax.vmap(jax.vmap(draws, (None, 0)), (0, None))(keys, a)

    for fast, plain in zip(*both(cell, keys, a), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=2e-5, atol=1e-5)


# The switch.


def test_nothing_is_left_in_force_afterwards():
    with accelerated(), accelerated():
        assert gamma.core._gamma is not gamma.PLAIN_GAMMA
        assert all(map(is_active, PARTS))
    assert gamma.core._gamma is gamma.PLAIN_GAMMA
    assert not any(map(is_active, PARTS))


def test_the_parts_of_the_surrounding_switch_stay():
    with accelerated(PARTS - {"gamma"}):
        with accelerated():
            assert not is_active("gamma")
            assert is_active("threefry")
        with accelerated(frozenset({"gamma"})):
            assert gamma.core._gamma is not gamma.PLAIN_GAMMA
            assert not is_active("threefry")
        assert gamma.core._gamma is gamma.PLAIN_GAMMA
    with accelerated(frozenset()), accelerated():
        assert not any(map(is_active, PARTS))


def test_an_error_inside_restores_what_was_in_force():
    with pytest.raises(ValueError, match="on purpose"), accelerated():
        raise ValueError("on purpose")
    assert not any(map(is_active, PARTS))


def test_other_devices_keep_the_parts_that_are_not_of_the_cpu(monkeypatch):
    monkeypatch.setattr(switch.jax, "default_backend", lambda: "gpu")
    with accelerated():
        assert {part for part in PARTS if is_active(part)} == PARTS - switch.CPU_PARTS


def test_another_jax_version_switches_all_off(monkeypatch, caplog):
    monkeypatch.setattr(switch, "TESTED_JAX", "0.0.1")
    with caplog.at_level(logging.WARNING), accelerated():
        assert gamma.core._gamma is gamma.PLAIN_GAMMA
        assert not any(map(is_active, PARTS))
    assert "slower" in caplog.text


# Hoisting.


def test_the_split_function_is_the_same_and_its_noise_is_all_that_is_random():
    def function(key, value):
        return jax.random.normal(key) * value

    value = jnp.float32(2.0)
    with accelerated():
        noise, finish = hoist.split_by_key(function, KEY, value)
    assert noise(KEY)[0].shape == ()
    same, finish_same = hoist.split_by_key(function, KEY, value)  # not in force
    assert same(KEY)[0] is KEY
    assert finish_same(same(KEY), value) == finish(noise(KEY), value) == function(KEY, value)


def test_the_largest_array_on_the_way():
    def function(x):
        return jax.lax.scan(lambda c, _: (c, jnp.outer(x, x).sum()), 0.0, None, length=3)[1].sum()

    with accelerated():
        assert hoist.largest_array(function, jnp.ones(7)) == 49
    assert hoist.largest_array(function, jnp.ones(7)) == 0


# Cached noise.

NOISE_KEY = jax.random.PRNGKey(5)
LOC = jnp.array([0.3, -1.0, 2.0])
SCALE_TRIL = jnp.array([[1.5, 0.0, 0.0], [-0.7, 0.2, 0.0], [3.0, 0.1, 0.05]])


def guide(loc, scale_tril):
    numpyro.sample("z", dist.MultivariateNormal(loc, scale_tril=scale_tril))


def draw_and_log_density(guide, *parameters):
    log, trace = log_density(handlers.seed(guide, NOISE_KEY), parameters, {}, {})
    return log, trace["z"]["value"]


@accelerated()
def test_densities_and_gradients_from_cached_noise_are_the_same():
    def density(guide):
        return jax.value_and_grad(
            lambda *p: draw_and_log_density(guide, *p), argnums=(0, 1), has_aux=True
        )(LOC, SCALE_TRIL)

    (known, draw), (by_loc, by_scale) = density(CacheBaseNoise(guide))
    (solved, same_draw), (solved_by_loc, solved_by_scale) = density(guide)
    np.testing.assert_array_equal(draw, same_draw)
    np.testing.assert_allclose(known, solved, rtol=1e-5)
    np.testing.assert_array_equal(by_loc, 0)
    np.testing.assert_allclose(solved_by_loc, 0, atol=1e-3)
    expected = -np.diag(1 / np.diag(SCALE_TRIL))  # of -ln |L|: the rest cancels
    np.testing.assert_allclose(by_scale, expected, rtol=1e-6)
    np.testing.assert_allclose(np.tril(solved_by_scale), expected, rtol=1e-4, atol=1e-3)


@accelerated()
def test_batches_of_matrices():
    loc, scale_tril = jnp.stack([LOC, -LOC]), jnp.stack([SCALE_TRIL, 2 * SCALE_TRIL])

    def of_groups(loc, scale_tril):
        with numpyro.plate("groups", 2):
            guide(loc, scale_tril)

    known, draw = draw_and_log_density(CacheBaseNoise(of_groups), loc, scale_tril)
    solved, same_draw = draw_and_log_density(of_groups, loc, scale_tril)
    np.testing.assert_array_equal(draw, same_draw)
    np.testing.assert_allclose(known, solved, rtol=1e-5)


@accelerated()
@pytest.mark.parametrize("plated", [False, True])
def test_only_what_can_be_known_is_replaced(plated):
    """A value that is given, or a distribution that a plate expands, is left to NumPyro."""

    def expanded(loc, scale_tril):
        with numpyro.plate("copies", 4):
            guide(loc, scale_tril)

    inner = expanded if plated else handlers.substitute(guide, {"z": LOC + 1})
    known, draw = draw_and_log_density(CacheBaseNoise(inner), LOC, SCALE_TRIL)
    solved, same_draw = draw_and_log_density(inner, LOC, SCALE_TRIL)
    np.testing.assert_array_equal(draw, same_draw)
    np.testing.assert_allclose(known, solved, rtol=1e-5)


@accelerated()
def test_no_triangular_solve_is_left_in_a_full_rank_fit():
    def model(data):
        numpyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))

    full_rank = autoguide.AutoMultivariateNormal(model)
    with handlers.seed(rng_seed=0):
        full_rank(None)

    def log(guide, key):
        params = {"auto_loc": LOC, "auto_scale_tril": SCALE_TRIL}
        return log_density(handlers.seed(guide, key), (None,), {}, params)[0]

    assert "triangular_solve" in str(jax.make_jaxpr(lambda key: log(full_rank, key))(NOISE_KEY))
    known = str(jax.make_jaxpr(lambda key: log(CacheBaseNoise(full_rank), key))(NOISE_KEY))
    assert "triangular_solve" not in known
