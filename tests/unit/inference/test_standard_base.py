"""Autoguides as maps of standard Normal draws: their values, their Jacobians, and their kinds."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from autoguide_params import first_params
from numpyro.distributions import constraints
from numpyro.infer import autoguide
from numpyro.infer.util import potential_energy, unconstrain_fn

from svi_atlas import problems
from svi_atlas.guide_traits import AUTOGUIDES
from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.standard_base import standard_base
from svi_atlas.inference.whitened import WHITENED

KINDS = {
    "AutoBNAFNormal": "flow",
    "AutoDiagonalNormal": "mean_field",
    "AutoIAFNormal": "flow",
    "AutoLowRankMultivariateNormal": "low_rank",
    "AutoMultivariateNormal": "full_rank",
    "AutoNormal": "mean_field",
}
E = jnp.array([0.3, -1.2, 0.8, 0.1, -0.4, 1.5])


def bounded(data):
    """Sites with every usual constraint: six unconstrained coordinates."""
    numpyro.sample("rate", dist.Gamma(2.0, 1.0))
    numpyro.sample("share", dist.Dirichlet(jnp.array([1.0, 2.0, 3.0])))
    numpyro.sample("cut", dist.ImproperUniform(constraints.ordered_vector, (), (2,)))
    numpyro.sample("any", dist.StudentT(4.0))


LAPLACE = Laplace(
    mode=np.full(6, 0.3, np.float32),
    scale_tril=np.linalg.cholesky(np.eye(6) + 0.5).astype(np.float32),
    modes=np.full((1, 6), 0.3, np.float32),
    log_densities=np.zeros(1, np.float32),
    why="",
)
CASES = [
    *((name, False) for name in KINDS),
    *((name, True) for name in WHITENED if name != "AutoBNAFNormal"),  # slow, and as the other flow
]


@cache
def base_of(name, whitened=False):
    if whitened:
        guide = WHITENED[name](bounded, laplace=LAPLACE)
    else:
        options = {"hidden_factors": [2]} if name == "AutoBNAFNormal" else {}
        guide = getattr(autoguide, name)(bounded, **options)
    _, params = first_params(bounded, guide)
    if name == "AutoLowRankMultivariateNormal":
        factor = np.random.default_rng(1).normal(size=params["auto_cov_factor"].shape)
        params["auto_cov_factor"] = jnp.asarray(factor, jnp.float32)
    return guide, params, standard_base(guide, params)


def test_every_autoguide_but_the_point_has_a_base():
    assert set(KINDS) == {*AUTOGUIDES} - {"AutoLaplaceApproximation"}
    assert standard_base(autoguide.AutoLaplaceApproximation(bounded), {}) is None
    assert standard_base(problems.load("coin").guides["beta"], {}) is None


def _distribution(guide, params):
    if isinstance(guide, autoguide.AutoNormal):
        names = ("any", "cut", "rate", "share")
        return dist.Normal(
            *(
                jnp.concatenate([params[f"{name}_auto_{part}"].ravel() for name in names])
                for part in ("loc", "scale")
            )
        )
    return numpyro.handlers.substitute(guide._get_posterior, params)()


@pytest.mark.parametrize(("name", "whitened"), CASES)
def test_the_map_and_its_jacobian(name, whitened):
    guide, params, base = base_of(name, whitened)
    kind = KINDS[name]
    assert (base.kind, base.dim) == (kind, 6)
    distribution = _distribution(guide, params)

    @jax.jit
    def transform(e):
        flow = dist.transforms.ComposeTransform(distribution.transforms) if kind == "flow" else None
        return base.transform(e), jax.jacobian(base.transform)(e)[0], flow and flow(e)

    (z, log_det), jacobian, expected = transform(E)
    np.testing.assert_allclose(log_det, np.linalg.slogdet(jacobian)[1], rtol=1e-4, atol=1e-4)
    if kind == "flow":
        np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-5)
    else:
        expected = dist.Normal().log_prob(E).sum() - log_det
        np.testing.assert_allclose(distribution.log_prob(z).sum(), expected, rtol=1e-4)


@pytest.mark.parametrize("name", ["AutoNormal", "AutoMultivariateNormal", "AutoIAFNormal"])
def test_sites_and_their_jacobian_are_numpyros(name):
    _, _, base = base_of(name)
    sites, log_det = base.constrain(base.transform(E)[0])
    assert sites["rate"] > 0
    np.testing.assert_allclose(sites["share"].sum(), 1.0, rtol=1e-6)
    assert sites["cut"][0] < sites["cut"][1]
    model = numpyro.handlers.seed(bounded, 0)
    unconstrained = unconstrain_fn(model, ({},), {}, sites)
    joint, _ = numpyro.infer.util.log_density(model, ({},), {}, sites)
    expected = -potential_energy(model, ({},), {}, unconstrained)
    np.testing.assert_allclose(joint + log_det, expected, rtol=1e-4)


@pytest.mark.parametrize("whitened", [False, True])
def test_the_parts_of_a_low_rank_covariance_matrix_add_up_to_one(whitened):
    _, params, base = base_of("AutoLowRankMultivariateNormal", whitened)
    factor, inverse = base.covariance_parts
    whole = factor @ factor.T + inverse * params["auto_scale"] ** 2 @ inverse.T
    np.testing.assert_allclose(whole, np.eye(6), atol=1e-5)
