"""Whitened autoguides: exact at their start, and the same families as NumPyro's."""

import jax
import jax.numpy as jnp
import laplace_models as models
import numpy as np
import pytest
from numpyro import handlers
from numpyro.infer import SVI, Trace_ELBO, autoguide
from numpyro.infer.util import compute_log_probs
from numpyro.optim import Adam

from svi_atlas.guide_traits import AUTOGUIDE_TRAITS
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.guides import posterior_guide
from svi_atlas.inference.keys import replica_key
from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.whitened import WHITENED, WhitenedNormal

EXACT = Laplace(
    models.LINEAR_MEAN,
    np.linalg.cholesky(models.LINEAR_COVARIANCE),
    np.empty((0, 3)),
    np.empty(0),
    "",
)
"""The posterior of `linear` itself."""

NORMALS = [name for name, cls in WHITENED.items() if issubclass(cls, WhitenedNormal)]
KEYS = jax.random.split(replica_key(3), 50)


def make(name, **options):
    return WHITENED[name](models.linear, laplace=EXACT, **options)


def start(guide):
    """Parameters by name at the start of a fit."""
    svi = SVI(models.linear, guide, Adam(0.1), Trace_ELBO())
    return svi.get_params(svi.init(replica_key(0), {}))


def draw(guide, params, model=models.linear):
    """(latent sites, ln p - ln q) of a draw with each key."""

    def one(key):
        if guide.prototype_trace is None:
            handlers.seed(guide, key)({})
        log_q, trace = compute_log_probs(handlers.seed(guide, key), ({},), {}, params)
        sites = {name: trace[name]["value"] for name in ("a", "b")}
        log_p, _ = compute_log_probs(handlers.substitute(model, sites), ({},), {}, {})
        return sites, sum(log_p.values()) - sum(log_q.values())

    return jax.jit(jax.vmap(one))(KEYS)


def test_the_classes_that_the_table_of_traits_says():
    assert set(WHITENED) == {name for name, traits in AUTOGUIDE_TRAITS.items() if traits.whitenable}
    assert all(issubclass(cls, getattr(autoguide, name)) for name, cls in WHITENED.items())


@pytest.mark.parametrize("name", NORMALS)
def test_at_its_start_a_normal_is_the_posterior(name):
    guide = make(name)
    params = start(guide)
    np.testing.assert_array_equal(params["auto_loc"], 0)
    _, log_weight = draw(guide, params)
    np.testing.assert_allclose(log_weight, 0, atol=1e-3, err_msg="32 bits")
    posterior = guide.get_posterior(params)
    np.testing.assert_allclose(posterior.loc, models.LINEAR_MEAN, rtol=1e-6)
    np.testing.assert_allclose(posterior.scale_tril, EXACT.scale_tril, rtol=1e-5, atol=1e-5)


def fitted(guide):
    """Parameters away from the start."""
    params, rng = dict(start(guide)), np.random.default_rng(5)
    params["auto_loc"] = jnp.asarray(rng.standard_normal(3), jnp.float32)
    if "auto_scale_tril" in params:
        lower = np.tril(rng.standard_normal((3, 3)), -1) + np.diag([0.5, 2.0, 1.5])
        params["auto_scale_tril"] = jnp.asarray(lower, jnp.float32)
    else:
        params["auto_scale"] = jnp.asarray([0.5, 2.0, 1.5], jnp.float32)
    if "auto_cov_factor" in params:
        params["auto_cov_factor"] = jnp.asarray(rng.standard_normal((3, 2)), jnp.float32)
    return params


@pytest.mark.parametrize("name", NORMALS)
def test_a_normal_in_the_coordinates_of_the_model_has_the_same_draws_and_density(name):
    guide = make(name)
    params = fitted(guide)
    plain, plain_params = posterior_guide(guide, params)
    assert type(plain) is autoguide.AutoMultivariateNormal
    sites, log_weight = draw(guide, params)
    plain_sites, plain_log_weight = draw(plain, plain_params)
    for site, sd in (("a", 0.01), ("b", 1.0)):
        np.testing.assert_allclose(plain_sites[site], sites[site], atol=1e-2 * sd, rtol=1e-6)
    np.testing.assert_allclose(plain_log_weight, log_weight, atol=0.02)


def test_median_and_quantiles_are_those_of_the_model():
    guide = make("AutoDiagonalNormal")
    params = start(guide)
    assert guide.median(params)["b"] == pytest.approx(models.CENTRE, rel=1e-5)
    low, high = guide.quantiles(params, [0.1587, 0.8413])["b"]
    assert (high - low) / 2 == pytest.approx(models.WIDTH, rel=1e-3)


def test_a_flow_is_numpyros_of_the_whitened_coordinates():
    guide = make("AutoIAFNormal")
    params = start(guide)
    transform = guide.get_transform(params)
    x = jnp.array([0.3, -0.2, 1.0])
    plain = autoguide.AutoIAFNormal(models.linear)
    start(plain)
    z = EXACT.mode + EXACT.scale_tril @ np.asarray(plain.get_transform(params)(x))
    np.testing.assert_allclose(transform(x), z, rtol=1e-5)
    same, same_params = posterior_guide(guide, params)
    assert same is guide
    assert same_params is params


def test_the_scale_at_the_start_can_be_chosen():
    params = start(make("AutoDiagonalNormal", init_scale=0.5))
    np.testing.assert_allclose(params["auto_scale"], 0.5, rtol=1e-6)


@pytest.mark.parametrize("name", ["AutoMultivariateNormal", "AutoIAFNormal"])
def test_fitted_in_one_program_as_by_numpyro(name):
    data = {"y": np.array([0.5, -0.2], np.float32)}

    def model(data):
        models.linear(data)

    fits = fit_cell(
        model,
        lambda: WHITENED[name](model, laplace=EXACT),
        data,
        num_particles=2,
        step_sizes=(0.01, 0.1),
        seeds=(1, 2),
        num_steps=5,
        num_snapshots=5,
    )
    guide = WHITENED[name](model, laplace=EXACT)
    svi = SVI(model, guide, Adam(0.1), Trace_ELBO(num_particles=2))
    alone = svi.run(replica_key(2), 5, data, progress_bar=False)
    assert set(fits.path) >= {key for key in alone.params if "arn" not in key}
    np.testing.assert_allclose(fits.loss[1, 1], alone.losses, rtol=1e-3, atol=1e-3)
    assert np.isfinite(fits.loss).all()
