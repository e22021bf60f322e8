"""Data sets from the prior predictive distribution, and models that have none."""

import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from line_model import LINE_DATA, keys, line
from numpyro.distributions import constraints
from scipy import stats

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.sbc.simulate import prior_predictive, why_not_simulated


def test_data_sets_follow_the_prior_and_the_model():
    truth, data_sets = prior_predictive(line, LINE_DATA, keys(400))
    assert {name: values.shape for name, values in truth.items()} == {
        "slope": (400,), "start": (400, 2)
    }  # fmt: skip
    assert {name: values.shape for name, values in data_sets.items()} == {"y": (400, 2, 3)}
    assert stats.kstest(truth["slope"], "norm").pvalue > 0.01
    mean = truth["start"][:, :, None] + truth["slope"][:, None, None] * LINE_DATA["x"]
    assert stats.kstest((data_sets["y"] - mean).ravel(), "norm").pvalue > 0.01


def test_data_sets_are_as_large_as_the_data_and_of_their_type():
    coin = problems.load("coin")
    data = coin.simulate(None, {"heads": 3, "tails": 4})
    _, data_sets = prior_predictive(coin.models["headstails"], data, keys(2))
    assert data_sets["obs"].shape == (2, 7)
    assert data_sets["obs"].dtype == data["obs"].dtype


def improper(data):
    mean = numpyro.sample("mean", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def improper_in_a_plate(data):
    with numpyro.plate("groups", 3):
        numpyro.sample("mean", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(0.0, 1.0), obs=None if data is None else data["y"])


def factor(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.factor("likelihood", -0.5 * mean**2)


def other_name(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("observed", dist.Normal(mean, 1.0), obs=data["y"])


def other_shape(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0).expand([2]).to_event(1), obs=data["y"])


def no_data(data):
    numpyro.sample("mean", dist.Normal(0.0, 1.0))


def discrete(data):
    kind = numpyro.sample("kind", dist.Bernoulli(0.5))
    numpyro.sample("y", dist.Normal(kind, 1.0), obs=data["y"])


def prior_from_data(data):
    mean = numpyro.sample("mean", dist.Normal(data["y"], 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


def broken(data):
    raise ValueError("broken on purpose")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (improper, "the prior of site 'mean' is improper"),
        (improper_in_a_plate, "the prior of site 'mean' is improper"),
        (factor, "the factor 'likelihood'"),
        (other_name, "the observed site 'observed' has no data of its name.*'y'"),
        (other_shape, r"site 'y' has shape \(2,\), data 'y' shape \(\)"),
        (no_data, "it observes nothing"),
        (discrete, "the latent site 'kind' is discrete"),
        (prior_from_data, "depend on the values of data 'y'"),
        (broken, "ValueError: broken on purpose"),
    ],
)
def test_model_without_data_to_draw(model, words):
    with pytest.raises(InputError, match=words):
        prior_predictive(model, {"y": np.float32(0.5)}, keys(2))


def test_what_is_known_of_a_model_without_its_data():
    assert "'mean' is improper" in why_not_simulated(improper)
    assert "factor 'likelihood'" in why_not_simulated(factor)
    assert why_not_simulated(other_name) == ""
    assert why_not_simulated(problems.load("coin").models["headstails"]) == ""
