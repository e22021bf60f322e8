"""The density of a multivariate Normal from the noise of its draw is NumPyro's own."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro import handlers
from numpyro.infer import autoguide
from numpyro.infer.util import log_density

from svi_atlas.inference.acceleration.cached_noise import CacheBaseNoise

KEY = jax.random.PRNGKey(5)
LOC = jnp.array([0.3, -1.0, 2.0])
SCALE_TRIL = jnp.array([[1.5, 0.0, 0.0], [-0.7, 0.2, 0.0], [3.0, 0.1, 0.05]])


def guide(loc, scale_tril):
    numpyro.sample("z", dist.MultivariateNormal(loc, scale_tril=scale_tril))


def draw_and_log_density(guide, *parameters):
    log, trace = log_density(handlers.seed(guide, KEY), parameters, {}, {})
    return log, trace["z"]["value"]


def test_draws_densities_and_gradients_are_the_same():
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


def test_batches_of_matrices():
    loc, scale_tril = jnp.stack([LOC, -LOC]), jnp.stack([SCALE_TRIL, 2 * SCALE_TRIL])

    def of_groups(loc, scale_tril):
        with numpyro.plate("groups", 2):
            guide(loc, scale_tril)

    known, draw = draw_and_log_density(CacheBaseNoise(of_groups), loc, scale_tril)
    solved, same_draw = draw_and_log_density(of_groups, loc, scale_tril)
    np.testing.assert_array_equal(draw, same_draw)
    np.testing.assert_allclose(known, solved, rtol=1e-5)


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


def test_no_triangular_solve_is_left_in_a_full_rank_fit():
    def model(data):
        numpyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))

    full_rank = autoguide.AutoMultivariateNormal(model)
    with handlers.seed(rng_seed=0):
        full_rank(None)

    def log(guide, key):
        params = {"auto_loc": LOC, "auto_scale_tril": SCALE_TRIL}
        return log_density(handlers.seed(guide, key), (None,), {}, params)[0]

    assert "triangular_solve" in str(jax.make_jaxpr(lambda key: log(full_rank, key))(KEY))
    known = str(jax.make_jaxpr(lambda key: log(CacheBaseNoise(full_rank), key))(KEY))
    assert "triangular_solve" not in known
