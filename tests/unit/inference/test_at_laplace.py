"""Autoguides that start at a Laplace approximation."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax.nn import softplus
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

from svi_atlas.inference.at_laplace import start_at_laplace
from svi_atlas.inference.keys import replica_key
from svi_atlas.inference.laplace import Laplace

SCALE_TRIL = np.array([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.3, -0.4, 1.2]])
MODE = np.array([1.0, -20.0, 3.0])
LAPLACE = Laplace(MODE, SCALE_TRIL, MODE[None], np.zeros(1), "")
SDS = np.sqrt((SCALE_TRIL**2).sum(axis=1))


def model(data):
    numpyro.sample("scale", dist.HalfNormal(1.0))
    numpyro.sample("mean", dist.Normal(0.0, 1.0).expand([2]).to_event(1))


def init(name, **options):
    guide = start_at_laplace(name)(model, laplace=LAPLACE, **options)
    svi = SVI(model, guide, Adam(0.1), Trace_ELBO())
    return svi, svi.init(replica_key(0), {})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AutoMultivariateNormal", {"auto_loc": MODE, "auto_scale_tril": SCALE_TRIL}),
        ("AutoDiagonalNormal", {"auto_loc": MODE, "auto_scale": SDS}),
        ("AutoLowRankMultivariateNormal", {"auto_loc": MODE, "auto_scale": SDS}),
        ("AutoLaplaceApproximation", {"auto_loc": MODE}),
        (
            "AutoNormal",
            {
                "mean_auto_loc": MODE[:2],
                "mean_auto_scale": SDS[:2],
                "scale_auto_loc": MODE[2],
                "scale_auto_scale": SDS[2],
            },
        ),
    ],
)
def test_parameters_at_the_start(name, expected):
    svi, state = init(name)
    params = svi.get_params(state)
    assert set(params) - set(expected) <= {"auto_cov_factor"}
    for key, value in expected.items():
        np.testing.assert_allclose(params[key], value, rtol=1e-5, atol=1e-6, err_msg=key)


def test_only_the_start_is_given():
    svi, state = init("AutoDiagonalNormal")
    first = svi.get_params(state)
    state, _ = svi.update(state, {})
    moved = svi.get_params(state)
    np.testing.assert_allclose(np.abs(moved["auto_loc"] - first["auto_loc"]), 0.1, rtol=1e-3)
    draw = svi.guide.sample_posterior(
        replica_key(1), {"auto_loc": jnp.zeros(3), "auto_scale": 1e-6 * softplus(jnp.zeros(3))}
    )
    assert draw["scale"] == pytest.approx(1.0, abs=1e-4)
