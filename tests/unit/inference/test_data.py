"""What of the data is static: as little as a model needs."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.inference.data import Data, as_arrays, faults_of_data

DATA = {
    "group": np.array([0, 0, 1, 2, 2]),
    "county": np.array(["a", "b", "a", "b", "a"]),
    "num_groups": np.array(3),
    "scale": np.array(0.5),
    "y": np.array([0.5, 0.7, -0.2, 1.1, np.nan]),
}


def intercepts(num_groups, data):
    with numpyro.plate("groups", num_groups):
        level = numpyro.sample("level", dist.Normal(0.0, 1.0))
    missing = jnp.isnan(data["y"])
    with numpyro.handlers.mask(mask=~missing):
        numpyro.sample("y", dist.Normal(level[data["group"]], data["scale"]), obs=data["y"])


def by_shape(data):
    intercepts(3, data)


def by_count(data):
    intercepts(data["num_groups"], data)


def by_unique(data):
    intercepts(len(np.unique(data["group"])), data)


def by_maximum(data):
    intercepts(int(data["group"].max()) + 1, data)


def by_text(data):
    _, code = np.unique(data["county"], return_inverse=True)
    level = numpyro.sample("level", dist.Normal(0.0, 1.0).expand([2]))
    numpyro.sample("y", dist.Normal(level[code], 1.0))


def by_observed(data):
    rows = np.flatnonzero(~np.isnan(data["y"]))
    level = numpyro.sample("level", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(level, 1.0), obs=data["y"][rows])


def broken(data):
    raise ValueError("on purpose")


TEXT, COUNTS = {"county"}, {"county", "num_groups"}


@pytest.mark.parametrize(
    ("model", "static"),
    [
        (by_shape, TEXT),
        (by_text, TEXT),
        (by_count, COUNTS),
        (by_unique, COUNTS | {"group"}),
        (by_maximum, COUNTS | {"group"}),
        (by_observed, set(DATA)),
        (broken, TEXT),
    ],
)
def test_as_little_is_static_as_the_model_needs(model, static):
    data = Data.for_model(DATA, model)
    assert data.static == static
    assert list(data) == list(DATA)


def test_a_guide_may_need_more_than_the_model():
    assert Data.for_model(DATA, by_shape, by_unique).static == COUNTS | {"group"}


def test_static_values_are_those_of_numpy_and_python():
    data = as_arrays(Data.for_model(DATA, by_unique))
    assert type(data["num_groups"]) is int
    assert isinstance(data["group"], np.ndarray)
    assert isinstance(data["y"], jax.Array)
    assert data.size == 17


def test_a_program_is_compiled_again_for_other_static_values_alone():
    traced = []

    @jax.jit
    def total(data):
        traced.append(data["num_groups"])
        return data["y"].sum() * data["num_groups"]

    data = Data({"y": jnp.ones(3), "num_groups": 3}, frozenset({"num_groups"}))
    assert total(data) == 9
    assert total(data.replaced({"y": jnp.zeros(3)})) == 0
    assert traced == [3]
    assert total(Data({"y": jnp.ones(3), "num_groups": 2}, data.static)) == 6
    assert traced == [3, 2]


def test_what_is_replaced_is_not_static():
    data = Data.for_model(DATA, by_unique).replaced({"group": jnp.zeros(5, int)})
    assert data.static == COUNTS


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.array([1.0, np.nan, np.inf]), "2 of 3 values are not finite"),
        (2455000.0 + np.array([0.1, 0.2, 0.4]), "32 bits"),
        (np.array([16_777_217, 16_777_218, 16_777_219]), "32 bits"),
        (np.array([1.5, 2.5, 1e6]), ""),
        (np.arange(1000), ""),
        (np.full(3, 0.1), ""),
        (np.array(["a", "b"]), ""),
        (np.array(0.1), ""),
    ],
)
def test_faults_of_data(values, word):
    faults = faults_of_data({"y": values})
    assert set(faults) == ({"y"} if word else set())
    assert word in faults.get("y", "")
