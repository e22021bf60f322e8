"""Which parameters the pathwise gradient does not reach."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import SGD

from svi_atlas import problems
from svi_atlas.inference.guide_check import check_guide
from svi_atlas.inference.reparametrisation import not_reparametrised

KEY = jax.random.PRNGKey(0)


def mixture(data):
    weight = numpyro.param("weight", 0.5, constraint=constraints.unit_interval)
    centre = numpyro.param("centre", jnp.array([-4.0, 4.0]))
    mixing = dist.Categorical(probs=jnp.stack([weight, 1 - weight]))
    numpyro.sample("x", dist.MixtureSameFamily(mixing, dist.Normal(centre, 1.0)))


def vector_of_mixtures(data):
    share = numpyro.param("share", jnp.array([0.3, 0.7]), constraint=constraints.simplex)
    parts = [dist.Normal(-1.0, 1.0), dist.Normal(1.0, 1.0)]
    general = dist.MixtureGeneral(dist.Categorical(probs=share), parts)
    numpyro.sample("x", general.expand([3]).to_event(1))


def circular(data):
    place = numpyro.param("place", 0.0)
    spread = numpyro.param("spread", 1.0, constraint=constraints.positive)
    numpyro.sample("x", dist.VonMises(place, spread))


def smooth(data):
    loc = numpyro.param("loc", 0.0)
    low = numpyro.sample("low", dist.Normal(loc, 1.0))
    numpyro.sample("x", dist.TruncatedNormal(loc, 1.0, low=low))
    numpyro.sample("share", dist.Beta(jnp.exp(loc), 2.0))


@pytest.mark.parametrize(
    ("guide", "found"),
    [
        (mixture, {"weight": "x"}),
        (vector_of_mixtures, {"share": "x"}),
        (circular, {"spread": "x"}),
        (smooth, {}),
    ],
)
def test_parameters_that_only_choose_are_found(guide, found):
    assert not_reparametrised(guide, {}, KEY) == found


def test_the_gradient_of_such_a_parameter_has_mean_zero_and_should_not():
    """Target 0.2 N(-4, 1) + 0.8 N(4, 1), weight 0.5: a step of 1 should move its logit by 0.35."""

    def target(data):
        parts = dist.Normal(jnp.array([-4.0, 4.0]), 1.0)
        mixing = dist.Categorical(probs=jnp.array([0.2, 0.8]))
        numpyro.sample("x", dist.MixtureSameFamily(mixing, parts))

    svi = SVI(target, mixture, SGD(1.0), Trace_ELBO(num_particles=1000))
    state = svi.init(KEY, {})
    before = svi.get_params(state)["weight"]
    state, _ = svi.update(state, {})
    logits = [np.log(w / (1 - w)) for w in (before, svi.get_params(state)["weight"])]
    exact = 0.25 * np.log(4)  # derivative of KL(w || 0.2) by the logit of w, at w = 0.5
    assert abs(logits[1] - logits[0]) < 0.03 * exact


def test_the_weight_of_the_bimodal_mixture_is_named():
    problem = problems.load("bimodal")
    data = problem.simulate(KEY, {})
    for name, expected in (("weighted_normal_mixture", True), ("normal_mixture", False)):
        findings = check_guide(problem.models["stable"], problem.guides[name], data)
        assert (
            any("parameter 'weight' is not optimised" in str(one) for one in findings) == expected
        )


def test_the_weights_of_a_network_are_moved_together():
    """Such a parameter is a nested dict, as `flax_module` registers it."""

    def guide(data):
        network = numpyro.param(
            "network$params", {"kernel": {"a": jnp.zeros(2)}, "bias": jnp.zeros(())}
        )
        numpyro.sample("k", dist.Bernoulli(logits=network["bias"]))
        numpyro.sample("x", dist.Normal(network["kernel"]["a"].sum(), 1.0))

    found = not_reparametrised(guide, {}, jax.random.PRNGKey(0))
    assert found == {"network$params": "k"}
