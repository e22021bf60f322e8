"""The faster random numbers are JAX's own."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from svi_atlas.inference.acceleration import fast_random, hoist

KEY = jax.random.PRNGKey(3)
CONCENTRATIONS = (0.3, 1.2, 2.5, 12.0, 300.0)


def both(function, *arguments):
    """Results of the fast and of the plain path, compiled afresh."""
    with fast_random.enabled():
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
    with fast_random.enabled():
        results = [fast(a) for a in arrays]
    for found, expected in zip(results, map(plain, arrays), strict=True):
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
        np.testing.assert_allclose(found[1], expected[1], rtol=5e-5)


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
    np.testing.assert_allclose(fast_random._log_slope(a, log_x), exact, rtol=3e-5)


def test_batched_over_keys_and_concentrations_as_in_a_cell():
    keys, a = jax.random.split(KEY, 6), jnp.linspace(4.0, 20.0, 3)

    def draws(key, a):
        return jax.value_and_grad(lambda a: jax.random.beta(key, a, 2 * a, (16,)).sum())(a)

    def cell(keys, a):
        return jax.vmap(jax.vmap(draws, (None, 0)), (0, None))(keys, a)

    for fast, plain in zip(*both(cell, keys, a), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=2e-5, atol=1e-5)


def test_nothing_is_left_in_force_afterwards():
    with fast_random.enabled(), fast_random.enabled():
        assert fast_random.core._gamma is not fast_random.PLAIN_GAMMA
    assert fast_random.core._gamma is fast_random.PLAIN_GAMMA


def test_another_jax_version_switches_it_off(monkeypatch, caplog):
    monkeypatch.setattr(fast_random, "TESTED_JAX", "0.0.1")
    with caplog.at_level(logging.WARNING), fast_random.enabled():
        assert fast_random.core._gamma is fast_random.PLAIN_GAMMA
    assert "slower" in caplog.text


def test_nothing_is_split_with_an_untested_jax(monkeypatch):
    def function(key, value):
        return jax.random.normal(key) * value

    key, value = jax.random.PRNGKey(1), jnp.float32(2.0)
    noise, finish = hoist.split_by_key(function, key, value)
    assert noise(key)[0].shape == ()
    monkeypatch.setattr(hoist, "TESTED_JAX", "0.0.0")
    same, finish_same = hoist.split_by_key(function, key, value)
    assert same(key)[0] is key
    assert finish_same(same(key), value) == finish(noise(key), value) == function(key, value)
