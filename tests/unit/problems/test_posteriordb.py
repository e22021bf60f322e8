"""The posteriors of posteriordb, where a copy of the database lies beside the project."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from numpyro.infer.util import initialize_model, unconstrain_fn

from support import ROOT
from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.posterior import Posterior
from svi_atlas.problems.posteriordb.model import POSTERIORS, gather_columns, simulate

DATABASE = ROOT.parent / "shared" / "data" / "posteriordb" / "posterior_database"

PROBLEM = problems.load("posteriordb")

MAX_Z = 4.5
"""Standard errors of a mean score. The reference draws are nearly independent, not quite."""


@pytest.fixture(scope="module")
def settings():
    pytest.importorskip("posteriordb")
    if not DATABASE.is_dir():
        pytest.skip(f"there is no posteriordb at {DATABASE}; clone it there")
    return {"database": str(DATABASE)}


@pytest.fixture(scope="module")
def data(settings):
    return simulate(None, settings)


def test_columns_become_arrays():
    arrays = gather_columns({"a": np.arange(2), "b[2]": np.ones(2), "b[1]": np.zeros(2)})
    assert arrays["a"].shape == (2,)
    assert arrays["b"].tolist() == [[0.0, 1.0], [0.0, 1.0]]


def test_a_folder_that_is_no_database_is_named(tmp_path):
    pytest.importorskip("posteriordb")
    with pytest.raises(InputError, match=r"'data.database'.*is not a posteriordb"):
        simulate(None, {"database": str(tmp_path)})


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_reference_draws_belong_to_the_model(name, settings, data):
    """They cover its sites, and its score has the mean zero under them."""
    model = PROBLEM.models[name]
    reference = PROBLEM.reference[name](data, settings)
    shapes = Posterior.from_model(model, data, name).shapes
    assert {site: draws.shape[1:] for site, draws in reference.draws.items()} == shapes
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(values) for name, values in data.items()}
        info = initialize_model(
            jax.random.PRNGKey(0), model, model_args=(arrays,), validate_grad=False
        )
        _, to_dict = ravel_pytree(info.param_info.z)

        def score(draw):
            position, _ = ravel_pytree(unconstrain_fn(model, (arrays,), {}, draw))
            return jax.grad(lambda v: -info.potential_fn(to_dict(v)))(position)

        draws = {site: jnp.asarray(values[::10]) for site, values in reference.draws.items()}
        scores = np.asarray(jax.jit(jax.vmap(score))(draws))
    z = scores.mean(0) / (scores.std(0) / np.sqrt(len(scores)))
    assert np.abs(z).max() < MAX_Z
