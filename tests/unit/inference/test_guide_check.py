"""Each thing that can be wrong with a guide is found before the fit and named."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from numpyro.infer import autoguide

from svi_atlas import problems
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.guide_check import check_guide, check_support, raise_errors
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.schedules import Setting

DATA = {"y": [1.0, 2.0, 0.5]}


def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    weights = numpyro.sample("weights", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    numpyro.sample("y", dist.Normal(mean + weights.sum(), 1.0), obs=data["y"])


def good(data):
    numpyro.sample("mean", dist.Normal(numpyro.param("loc", 0.0), 1.0))
    numpyro.sample("weights", dist.Normal(jnp.zeros(2), 1.0).to_event(1))


def missing(data):
    numpyro.sample("mean", dist.Normal(numpyro.param("loc", 0.0), 1.0))


def deterministic(data):
    good_weights(data)
    numpyro.deterministic("mean", numpyro.param("loc", 0.0))


def good_weights(data):
    numpyro.sample("weights", dist.Normal(jnp.zeros(2), 1.0).to_event(1))


def extra(data):
    good(data)
    numpyro.sample("slope", dist.Normal(0.0, 1.0))


def auxiliary(data):
    good(data)
    numpyro.sample("slope", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})


def observed(data):
    good(data)
    numpyro.sample("y", dist.Normal(jnp.zeros(3), 1.0).to_event(1))


def scalar(data):
    numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("weights", dist.Normal(numpyro.param("loc", 0.0), 1.0))


def factor(data):
    good(data)
    numpyro.factor("extra", numpyro.param("strength", 0.0))


ERRORS = [
    (missing, ["lacks the model's site 'weights' of shape (2,)", "numpyro.sample('weights'"]),
    (deterministic, ["site 'mean'", "numpyro.deterministic", "dist.Delta(value)"]),
    (extra, ["has the site 'slope'", "mean, weights", "is_auxiliary"]),
    (observed, ["samples 'y', which the model observes"]),
    (scalar, ["site 'weights' has shape () in the guide and (2,) in the model"]),
]


@pytest.mark.parametrize(("guide", "words"), ERRORS, ids=[guide.__name__ for guide, _ in ERRORS])
def test_an_error_is_named_and_raised(guide, words):
    (finding,) = check_guide(model, guide, DATA)
    assert finding.severity == "error"
    for word in words:
        assert word in finding.message
    with pytest.raises(ModelError, match="GuideError: "):
        raise_errors([finding])


@pytest.mark.parametrize("guide", [good, auxiliary])
def test_a_good_guide_has_no_findings(guide):
    assert check_guide(model, guide, DATA) == []


def test_a_factor_site_is_a_warning():
    (finding,) = check_guide(model, factor, DATA)
    assert finding.severity == "warning"
    assert "factor or observed site 'extra'" in finding.message
    raise_errors([finding])


@pytest.mark.parametrize(
    "name", ["AutoNormal", "AutoMultivariateNormal", "AutoDelta", "AutoLaplaceApproximation"]
)
def test_autoguides_have_no_findings(name):
    assert check_guide(model, getattr(autoguide, name)(model), DATA) == []


def test_a_model_may_have_an_auxiliary_site_of_its_own():
    def with_helper(data):
        model(data)
        numpyro.sample("helper", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})

    assert check_guide(with_helper, good, DATA) == []


def test_improper_priors_are_no_trouble():
    def flat(data):
        numpyro.sample("x", dist.ImproperUniform(constraints.real, (), ()))
        numpyro.factor("density", -1.0)

    assert check_guide(flat, lambda data: numpyro.sample("x", dist.Normal(0.0, 1.0)), {}) == []


def coin_draws(guide, **unconstrained):
    """ln p(data, z) of draws of a guide of the coin, for one seed and step size."""
    problem = problems.load("coin")
    data = problem.simulate(purpose_key(0, "data"), {"heads": 12, "tails": 8})
    drawer = Drawer(
        problem.models["headstails"],
        lambda: problem.guides[guide],
        data,
        (1,),
        (Setting("constant", 0.1),),
        4000,
    )
    return drawer.log_joint(
        {name: jnp.full((1, 1), value, float) for name, value in unconstrained.items()}
    )


def test_draws_outside_the_support_are_a_warning():
    logit_mean = jnp.log(0.9 / 0.1)
    assert check_support(coin_draws("truncated_normal", mean=logit_mean, sd=-1.0), "here") == []
    (finding,) = check_support(coin_draws("normal", mean=logit_mean, sd=jnp.log(0.1)), "here")
    assert finding.severity == "warning"
    share = float(finding.message.split("%")[0])
    assert share == pytest.approx(15.87, abs=4 * 100 * (0.1587 * 0.8413 / 4000) ** 0.5)
    assert "of 4,000 draws of the guide here fall" in finding.message


def test_what_raises_is_left_to_the_fit():
    def raises(data):
        raise ValueError("broken on purpose")

    (finding,) = check_guide(model, raises, DATA)
    assert str(finding) == (
        "warning: the guide could not be checked: ValueError: broken on purpose"
    )
    raise_errors([finding])


def test_guides_of_the_thread_on_factors():
    problem = problems.load("factor_thread")
    shares = {
        name: [finding.severity for finding in check_guide(problem.models["sample"], guide, {})]
        for name, guide in problem.guides.items()
    }
    assert shares == {
        "factor": ["warning"],
        "sample": [],
        "deterministic": ["error", "error"],
        "improper": ["warning"],
    }


def broadcasting(data):
    slope = numpyro.sample("slope", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", 3):
        numpyro.sample("y", dist.Normal(slope * data["x"], 1.0), obs=data["x"])


def test_what_numpyro_warns_of_is_a_finding():
    data = {"x": np.ones((3, 1))}
    (finding,) = check_guide(broadcasting, autoguide.AutoNormal(broadcasting), data)
    assert finding.severity == "warning"
    assert "Missing a plate statement" in finding.message


def by_hand(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    rows = jax.random.choice(numpyro.prng_key(), 4, (2,))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"][rows])


def by_plate(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    with numpyro.plate("rows", 4, subsample_size=2) as rows:
        numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"][rows])


def test_a_density_that_is_random_is_an_error():
    data = {"y": np.ones(4)}
    (finding,) = check_guide(by_hand, autoguide.AutoNormal(by_hand), data)
    assert finding.severity == "error"
    assert "subsample_size" in finding.message
    assert check_guide(by_plate, autoguide.AutoNormal(by_plate), data) == []


def network(data):
    """As flax_module of NumPyro: a key is asked for only where the weights have no value yet."""
    weight = numpyro.param("net$params")
    if weight is None:
        weight = numpyro.param("net$params", jax.random.normal(numpyro.prng_key()))
    mean = numpyro.sample("mean", dist.Normal(weight, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


def test_a_network_that_draws_its_first_weights_has_a_density():
    assert check_guide(network, autoguide.AutoNormal(network), {"y": np.ones(4)}) == []


def test_a_parameter_that_starts_at_an_integer_is_named():
    def guide(data):
        loc = numpyro.param("loc", 0)
        scale = numpyro.param("scale", 1.0, constraint=constraints.positive)
        numpyro.sample("x", dist.Normal(loc, scale))

    def model(data):
        numpyro.sample("x", dist.Normal(0.0, 1.0))

    (finding,) = check_guide(model, guide, {})
    assert finding.severity == "error"
    assert "'loc' starts at an integer" in finding.message
    assert "0.0" in finding.message
