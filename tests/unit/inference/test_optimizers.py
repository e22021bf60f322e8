"""Optimisers by name, and what is said of those that do not exist."""

import numpy as np
import pytest

from svi_atlas.errors import InputError
from svi_atlas.inference.optimizers import NUMPYRO_OPTIMIZERS, check_optimizer, make_optimizer


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[(name, {"mass": 0.9} if name == "Momentum" else {}) for name in NUMPYRO_OPTIMIZERS],
        ("ClippedAdam", {"clip_norm": 1.0}),
        ("optax.adam", {"b1": 0.8}),
        ("optax.radam", {}),
    ],
)
def test_optimisers_that_can_be_used(name, options):
    check_optimizer(name, options)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("Adm", {}, "did you mean 'Adam'"),
        ("Minimize", {}, "there is no optimiser 'Minimize'"),
        ("optax.adamm", {}, "did you mean 'optax.adam'"),
        ("optax.apply_updates", {}, "optax has no optimiser"),
        ("Momentum", {}, "mass"),
        ("Adam", {"decay": 1}, "decay"),
        ("optax.adamw", {"wait_decay": 1}, "wait_decay"),
    ],
)
def test_optimisers_that_cannot_be_used(name, options, words):
    with pytest.raises(InputError, match=words):
        check_optimizer(name, options)


def test_options_reach_the_optimiser():
    state = make_optimizer("optax.sgd", {"momentum": 0.0}, 0.5).init({"x": np.ones(1)})
    optimizer = make_optimizer("optax.sgd", {}, 0.5)
    _, state = optimizer.eval_and_update(
        lambda x: (x["x"].sum(), None), optimizer.init({"x": np.ones(1)})
    )
    np.testing.assert_allclose(optimizer.get_params(state)["x"], 0.5)
